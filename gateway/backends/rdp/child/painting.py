"""Sees what FreeRDP paints, and asks it to, by way of the X server.

X's own requests are those of its protocol's §10; DAMAGE is described in damageproto.txt, X.Org.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from gateway.backends.rdp.child.xserver import XServer, padded

_INTERN_ATOM, _CHANGE_PROPERTY, _SEND_EVENT, _QUERY_EXTENSION = 16, 18, 25, 98
_VERSION, _CREATE, _SUBTRACT = 0, 1, 3  # DAMAGE's requests
_BOUNDING_BOX = 2  # told whenever the area grows
_AREA = struct.Struct("<hhHH")
_EXPOSE = 12
_PIXEL = (0, 0, 1, 1)
_NORMAL, _ICONIC = 1, 3  # ICCCM §4.1.3.1: what a window manager says of a window
_WHOLE = 0.9  # of the window


class Painting:
    """Begins with `watch`; `painted` is told of each area that grew."""

    def __init__(self, x: XServer, painted: Callable[[bool, bool], None]) -> None:
        """`painted`: whether it is the one pixel, and whether it is as good as all.

        Raises: OSError, EOFError.
        """
        self._x = x
        self._painted = painted
        answer = x.ask(_QUERY_EXTENSION, 0, _named(b"DAMAGE"))
        # Whether it is there, the code of its requests, that of its first event.
        present, self._damage, self._notify = struct.unpack_from("<BBB", answer, 8)
        if not present:
            raise EOFError("the X server lacks DAMAGE")
        x.ask(self._damage, _VERSION, struct.pack("<II", 1, 1))
        (self._wm_state,) = struct.unpack_from("<I", x.ask(_INTERN_ATOM, 0, _named(b"WM_STATE")), 8)

    def watch(self) -> None:
        """From now on, the window that is shown."""
        self._x.others = self._happened
        create = struct.pack("<IIBxxx", self._x.free_id, self._x.window, _BOUNDING_BOX)
        self._x.send(self._damage, _CREATE, create)

    def ask_for_pixel(self) -> None:
        """As if one had been covered: FreeRDP copies it from its picture."""
        self._forget()
        event = struct.pack("<BxHIHHHHH14x", _EXPOSE, 0, self._x.window, *_PIXEL, 0)
        # §10 SendEvent: to whoever made the window, whatever it listens to.
        self._x.send(_SEND_EVENT, 0, struct.pack("<II", self._x.window, 0) + event)

    def say_nobody_looks(self) -> None:
        """As a window manager does: FreeRDP tells the host (MS-RDPBCGR §2.2.11.3)."""
        self._say(_ICONIC)

    def say_somebody_looks(self) -> None:
        """The host paints all of it then, where it heeds this."""
        self._forget()
        self._say(_NORMAL)

    def _say(self, state: int) -> None:
        # Window, property, type, 32 bits each, two of them: the state, and no icon.
        words = (self._x.window, self._wm_state, self._wm_state, 32, 2, state, 0)
        self._x.send(_CHANGE_PROPERTY, 0, struct.pack("<7I", *words))

    def _forget(self) -> None:
        """Areas grow from nothing again."""
        self._x.send(self._damage, _SUBTRACT, struct.pack("<III", self._x.free_id, 0, 0))

    def _happened(self, event: bytes) -> None:
        if event[0] & 0x7F != self._notify or self._x.size is None:
            return
        area = _AREA.unpack_from(event, 16)
        width, height = self._x.size
        self._painted(area == _PIXEL, _WHOLE * width * height <= area[2] * area[3])


def _named(name: bytes) -> bytes:
    return struct.pack("<Hxx", len(name)) + padded(name)
