"""A client of the X server: where the guest's window is, and how large it and the screen are.

Of the protocol ("X Window System Protocol", X.Org, release 6.8) it speaks what it needs; all of it
little-endian.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable

COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"
_FAMILY_WILD = 0xFFFF
_SETUP = struct.Struct("<BxHHHHxx")
_SETUP_ANSWER = struct.Struct("<BxHHH")
_CHANGE_ATTRIBUTES, _CONFIGURE_WINDOW, _SET_INPUT_FOCUS = 2, 12, 42
_CW_EVENT_MASK = 1 << 11
_STRUCTURE_NOTIFY, _SUBSTRUCTURE_NOTIFY = 1 << 17, 1 << 19
_CW_X, _CW_Y, _CW_BORDER = 1 << 0, 1 << 1, 1 << 4
_MOST_WINDOWS = 64
_EVENT_SIZE = 32
_POINTER_ROOT = 1
_PATIENCE = 2.0  # seconds


def authority(cookie: bytes) -> bytes:
    """An Xauthority file (Xau(3)) that opens any display with `cookie`."""

    def counted(text: bytes) -> bytes:
        return struct.pack(">H", len(text)) + text

    anywhere = struct.pack(">H", _FAMILY_WILD) + counted(b"") + counted(b"")
    return anywhere + counted(COOKIE_NAME) + counted(cookie)


class XServer:
    """Follows the first window that is shown: its size is the guest's."""

    def __init__(self, display: int, cookie: bytes) -> None:
        """Raises: OSError, EOFError."""
        self.window = 0  # the first that was shown; 0 before that
        self.others: Callable[[bytes], None] | None = None  # told of events that are not ours
        self._sizes: dict[int, tuple[int, int]] = {}  # of the root's children
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unread = bytearray()
        try:
            self.socket.settimeout(_PATIENCE)
            self.socket.connect(f"\0/tmp/.X11-unix/X{display}")
            self._root, self.screen = self._set_up(cookie)
            self._watch(self._root)
            self.socket.setblocking(False)
        except BaseException:
            self.socket.close()
            raise

    @property
    def size(self) -> tuple[int, int] | None:
        """The guest's; None before anything is shown."""
        return self._sizes.get(self.window)

    def read(self) -> None:
        """Take in what has come. Raises: EOFError once the X server is gone, OSError."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        if not data:
            raise EOFError("the X server closed the connection")
        self._unread += data
        while _EVENT_SIZE <= len(self._unread):
            # Nothing is asked that has a longer answer.
            self._happened(bytes(self._unread[:_EVENT_SIZE]))
            del self._unread[:_EVENT_SIZE]

    def send(self, opcode: int, detail: int, rest: bytes) -> None:
        """One request, padded (§1). Raises: OSError."""
        self.socket.sendall(struct.pack("<BBH", opcode, detail, 1 + len(rest) // 4) + rest)

    def ask(self, opcode: int, detail: int, rest: bytes) -> bytes:
        """A request whose answer is 32 bytes long; only before anybody shows anything.

        Raises: OSError, EOFError.
        """
        self.socket.settimeout(_PATIENCE)
        try:
            self.send(opcode, detail, rest)
            return self._receive(_EVENT_SIZE)
        finally:
            self.socket.setblocking(False)

    def _happened(self, event: bytes) -> None:
        # §11: each event's code, then what it is told to (the root), then the window.
        parent, window = struct.unpack_from("<II", event, 4)
        match event[0] & 0x7F:
            case 16 if len(self._sizes) < _MOST_WINDOWS:  # CreateNotify: x, y, width, height
                self._sizes[window] = struct.unpack_from("<HH", event, 16)
            case 17:  # DestroyNotify
                self._sizes.pop(window, None)
            case 19 if not self.window and window in self._sizes:  # MapNotify
                self.window = window
                # No window manager does it: give it the keyboard, and put it into the corner.
                self.send(_SET_INPUT_FOCUS, _POINTER_ROOT, struct.pack("<II", window, 0))
                corner = struct.pack("<IHxxIII", window, _CW_X | _CW_Y | _CW_BORDER, 0, 0, 0)
                self.send(_CONFIGURE_WINDOW, 0, corner)
            case 22:  # ConfigureNotify: the window above it, x, y, width, height
                size = struct.unpack_from("<HH", event, 20)
                if window == parent == self._root:
                    self.screen = size
                elif window in self._sizes:
                    self._sizes[window] = size
            case _ if self.others is not None:
                self.others(event)

    def _set_up(self, cookie: bytes) -> tuple[int, tuple[int, int]]:
        # §8: byte order, protocol 11.0, the lengths of the authorization's name and data.
        asked = _SETUP.pack(ord("l"), 11, 0, len(COOKIE_NAME), len(cookie))
        self.socket.sendall(asked + padded(COOKIE_NAME) + padded(cookie))
        # Success, protocol version, length of what follows in units of 4 bytes.
        success, _, _, length = _SETUP_ANSWER.unpack(self._receive(_SETUP_ANSWER.size))
        answer = self._receive(4 * length)
        if success != 1:
            raise ConnectionRefusedError("the X server refused its own cookie")
        # §8: the first of the ids that are ours at 4, vendor's length at 16, number of formats at
        # 21, 8 bytes each; then the screens, whose first field is the root, and size stands at 20.
        (self.free_id,) = struct.unpack_from("<I", answer, 4)
        (vendor,) = struct.unpack_from("<H", answer, 16)
        screen = 32 + (vendor + 3) // 4 * 4 + 8 * answer[21]
        (root,) = struct.unpack_from("<I", answer, screen)
        width, height = struct.unpack_from("<HH", answer, screen + 20)
        return root, (width, height)

    def _watch(self, window: int) -> None:
        mask = _STRUCTURE_NOTIFY | _SUBSTRUCTURE_NOTIFY
        self.send(_CHANGE_ATTRIBUTES, 0, struct.pack("<III", window, _CW_EVENT_MASK, mask))

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError("the X server closed the connection")
            data += more
        return data


def new_cookie() -> bytes:
    """128 random bits."""
    return os.urandom(16)


def padded(data: bytes) -> bytes:
    """Up to a multiple of 4 bytes."""
    return data + bytes(-len(data) % 4)
