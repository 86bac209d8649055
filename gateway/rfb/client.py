"""The client's role of RFB 3.3, 3.7 and 3.8, without I/O: bytes in, events and bytes out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from gateway.errors import RfbError
from gateway.rfb import outgoing
from gateway.rfb.events import Bell, CutText, Event, Ready, Resized, StartTls
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.handshake import Agreed, Wanted, agree, authenticate
from gateway.rfb.reader import TOLD_WORK, WORK_AT_ONCE, Reader, Reading, skip
from gateway.rfb.text import printable
from gateway.rfb.updates import Updates
from gateway.rfb.wire import MAX_CUT_TEXT, MAX_FENCE, MAX_NAME, RGBX, Cursor, Encoding, FenceFlags

# Without JPEG, so that text is exact. A server nearby is asked not to deflate: Tight names few
# colours as indices all the same, which costs it and us least (docs/architecture.md has figures).
NEARBY: Final = Encoding.COMPRESS_0
FAR_AWAY: Final = Encoding.COMPRESS_0 + 2
_RAW_AREA: Final = 1024 * 768
_PAINTING: Final = (Encoding.TIGHT, Encoding.ZRLE, Encoding.ZLIB, Encoding.HEXTILE, Encoding.RAW)
_OTHERS: Final = (
    Encoding.CURSOR,
    Encoding.DESKTOP_SIZE,
    Encoding.EXTENDED_DESKTOP_SIZE,
    Encoding.DESKTOP_NAME,
    Encoding.LAST_RECT,
    Encoding.QEMU_EXTENDED_KEY,
    Encoding.QEMU_LED_STATE,
    Encoding.FENCE,
    Encoding.CONTINUOUS_UPDATES,
)


def offers(*, near: bool, raw: bool = False) -> tuple[int, ...]:
    """What SetEncodings says, best first; `raw` puts Raw before all that analyses pixels."""
    first = (Encoding.COPYRECT, Encoding.RAW) if raw else (Encoding.COPYRECT,)
    painting = tuple(each for each in _PAINTING if each not in first)
    return (*first, *painting, NEARBY if near else FAR_AWAY, *_OTHERS)


_SERVER_INIT: Final = struct.Struct(">HH16xI")
_UPDATE: Final = struct.Struct(">xH")
_CUT_TEXT: Final = struct.Struct(">3xi")
_FENCE: Final = struct.Struct(">3xIB")
_COLOUR_MAP: Final = struct.Struct(">xHH")
_MESSAGE_WORK: Final = 4_000
# Plain numbers: IntFlag's operators cost more than the rest of a fence does.
_FENCE_REQUEST: Final = int(FenceFlags.REQUEST)
_ANSWERED_FENCES: Final = int(
    FenceFlags.BLOCK_BEFORE | FenceFlags.BLOCK_AFTER | FenceFlags.SYNC_NEXT
)


class ClientConnection:
    """One upstream's screen and input.

    The owner feeds what it read to `receive_data` and writes what `data_to_send` returns after
    each call. While `pending` it lets others run and feeds b"", before it reads any more. On
    `StartTls` it writes, upgrades its transport and calls `tls_started`.
    """

    def __init__(
        self,
        *,
        password: str | None = None,
        want_tls: bool = False,
        shared: bool = True,
        near: bool = True,
        offer: Sequence[int] | None = None,
        work: int = WORK_AT_ONCE,
    ) -> None:
        """What `password` and `want_tls` ask for is insisted upon.

        `near` says that bytes cost little on the way to the server. `offer` is what SetEncodings
        says, best first, in place of what suits the server. `work` is about how many nanoseconds
        one `receive_data` may take.
        """
        self.ready = False
        self.continuous_updates = False
        self._wanted = Wanted(password, want_tls)
        self._shared = shared
        self._offer = offers(near=near) if offer is None else tuple(offer)
        self._may_change = near and offer is None
        self._raw = False  # Raw is what we ask for
        self._agreed: Agreed | None = None
        self._updates: Updates | None = None
        self._events: list[Event] = []
        self._outgoing = bytearray()
        self._send = self._outgoing.extend
        self._work = work
        self._reader = Reader(self._greet(), work)

    @property
    def framebuffer(self) -> Framebuffer:
        """The pixels; only once `ready`."""
        return self._screen.framebuffer

    @property
    def name(self) -> str:
        """The desktop's name as the server last said it; empty before `ready`."""
        return self._updates.name if self._updates else ""

    @property
    def cursor(self) -> Cursor | None:
        """The pointer's shape, where the server told one."""
        return self._updates.cursor if self._updates else None

    @property
    def extended_keys(self) -> bool:
        """Whether the server takes scancodes beside keysyms."""
        return self._updates is not None and self._updates.extended_keys

    @property
    def says_scrolls(self) -> bool:
        """Whether the server says where its screen only moved: it does, or it is of that kind."""
        # Those who know continuous updates (TigerVNC) say CopyRect where they can.
        return self.continuous_updates or (self._updates is not None and self._updates.copied)

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """Parse as far as the bytes reach, to a frame's end, or until that took long.

        Returns what happened; of what was painted, one frame at most.

        Raises: RfbError for anything malformed or out of bounds, UpstreamRefused where the server
        turns us away. After an error the connection is of no more use.
        """
        try:
            self._reader.feed(data)
        except BaseException:
            if self._updates is not None:
                # Whatever was painted, nobody is told of it.
                self._updates.framebuffer.whole = False
            raise
        if self._updates is not None:
            self._updates.seen()
        events = self._events.copy()
        self._events.clear()
        return events

    @property
    def pending(self) -> bool:
        """Whether the bytes that were received ask for more work: call `receive_data(b"")`."""
        return self._reader.paused

    def data_to_send(self) -> bytes:
        """What must be written now; asked again, it is empty."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def tls_started(self) -> None:
        """Go on inside TLS, after `StartTls`."""
        assert self._agreed is not None, "tls_started() answers StartTls"
        self._reader = Reader(self._converse(self._agreed), self._work)

    def send_key(self, down: bool, keysym: int, scancode: int | None) -> None:  # noqa: FBT001
        """Press or release a key; `scancode` is an XT code as the wire has it (0xE0 is bit 7)."""
        if not self.ready:
            return
        if self.extended_keys and scancode is not None:
            self._send(outgoing.extended_key(keysym, scancode, down=down))
        elif keysym:
            self._send(outgoing.key(keysym, down=down))

    def send_pointer(self, x: int, y: int, buttons: int) -> None:
        """Move the pointer, kept on the screen; bit n of `buttons` is button n + 1."""
        if not self.ready:
            return
        screen = self.framebuffer
        x, y = min(max(x, 0), screen.width - 1), min(max(y, 0), screen.height - 1)
        self._send(outgoing.pointer(x, y, buttons & 0xFF))

    def send_cut_text(self, text: str) -> None:
        """Hand a clipboard to the guest: Latin-1, other letters as `?`, cut at the bound."""
        if self.ready:
            self._send(outgoing.cut_text(text))

    def request_update(self, *, incremental: bool = True) -> None:
        """Ask for the whole framebuffer, or for what changed in it."""
        if self.ready:
            self._send(
                outgoing.update_request(
                    self.framebuffer.width, self.framebuffer.height, incremental=incremental
                )
            )

    def probe(self) -> None:
        """Ask for one pixel anew: whoever is alive answers, however still the screen is."""
        if self.ready:
            self._send(outgoing.update_request(1, 1, incremental=False))

    @property
    def _screen(self) -> Updates:
        assert self._updates is not None, "the framebuffer exists once `ready`"
        return self._updates

    def _greet(self) -> Reading[None]:
        agreed = yield from agree(self._wanted, self._send)
        if agreed.tls:
            # This parser ends here: a byte that comes before TLS is one that nobody vouches for.
            self._agreed = agreed
            self._events.append(StartTls())
            return
        yield from self._converse(agreed)

    def _converse(self, agreed: Agreed) -> Reading[None]:
        yield from authenticate(agreed, self._wanted.password, self._send)
        # RFC 6143 §7.3.1: U8 whether to leave others connected.
        self._send(bytes([self._shared]))
        yield from self._server_init()
        work = 0
        while True:
            yield from self._message()
            work += _MESSAGE_WORK
            if TOLD_WORK < work:
                yield -work
                work = 0

    def _server_init(self) -> Reading[None]:
        # RFC 6143 §7.3.2: U16 width, U16 height, the server's pixel format (we ask for our own),
        # U32 length of the name.
        width, height, length = _SERVER_INIT.unpack((yield _SERVER_INIT.size))
        if MAX_NAME < length:
            raise RfbError(f"a name of {length} bytes is too long")
        name = printable((yield length))
        self._updates = Updates(width, height, name, self._happened)
        self.ready = True
        self._events.append(Ready(width, height, name))
        self._send(outgoing.set_pixel_format(RGBX))
        self._send(outgoing.set_encodings(self._offer))
        self.request_update(incremental=False)
        yield from self._updates.settle()

    def _message(self) -> Reading[None]:
        # RFC 6143 §7.6: a message begins with its type.
        (kind,) = yield 1
        match kind:
            case 0:
                yield from self._framebuffer_update()
            case 1:
                yield from _skip_colour_map()
            case 2:
                self._events.append(Bell())
            case 3:
                yield from self._cut_text()
            case 150:
                self._continuous_updates_ended()
            case 248:
                yield from self._fence()
            case _:
                raise RfbError(f"message type {kind} is unknown")

    def _framebuffer_update(self) -> Reading[None]:
        # RFC 6143 §7.6.1: padding, U16 number of rects.
        (rects,) = _UPDATE.unpack((yield _UPDATE.size))
        if not self.continuous_updates:
            # Asked before the rects are read, so that a request is outstanding at all times.
            self.request_update()
        yield from self._screen.read(rects)
        if self._may_change:
            self._suit()

    def _suit(self) -> None:
        """Ask for what suits the server; whether it is TigerVNC it has said by its first update.

        QEMU cuts a screen of text into hundreds of rects, and Tight into more; Raw costs all of us
        least, but only a console's screen is so small that a network carries it 30 times a second.
        """
        screen = self.framebuffer
        raw = not self.continuous_updates and screen.width * screen.height <= _RAW_AREA
        if raw != self._raw:
            self._raw = raw
            self._send(outgoing.set_encodings(offers(near=True, raw=raw)))

    def _happened(self, event: Event) -> None:
        self._events.append(event)
        if isinstance(event, Resized):
            # RFC 6143 §7.8.2: the new framebuffer's contents are undefined until sent.
            self.request_update(incremental=False)
            if self.continuous_updates:
                self._enable_continuous_updates()

    def _cut_text(self) -> Reading[None]:
        # RFC 6143 §7.6.4: 3 bytes of padding, length, Latin-1. A negative length is an extended
        # clipboard (rfbproto), which we never offer: passed over.
        (length,) = _CUT_TEXT.unpack((yield _CUT_TEXT.size))
        if MAX_CUT_TEXT < abs(length):
            raise RfbError(f"a clipboard of {abs(length)} bytes is too large")
        if length < 0:
            yield from skip(-length)
        else:
            self._events.append(CutText(str((yield length), "latin-1")))

    def _continuous_updates_ended(self) -> None:
        # rfbproto, EndOfContinuousUpdates: the first one announces that the server knows them.
        if self.continuous_updates:
            self.continuous_updates = False
            self.request_update()
        else:
            self.continuous_updates = True
            self._enable_continuous_updates()

    def _enable_continuous_updates(self) -> None:
        screen = self.framebuffer
        self._send(outgoing.enable_continuous_updates(screen.width, screen.height))

    def _fence(self) -> Reading[None]:
        # rfbproto, ServerFence: 3 bytes of padding, U32 flags, U8 length, payload. We parse in
        # order and synchronously, so that every kind of fence has been kept by now.
        flags, length = _FENCE.unpack((yield _FENCE.size))
        if MAX_FENCE < length:
            raise RfbError(f"a fence of {length} bytes is too long")
        payload = yield length
        if flags & _FENCE_REQUEST:
            self._send(outgoing.fence(flags & _ANSWERED_FENCES, payload))


def _skip_colour_map() -> Reading[None]:
    # RFC 6143 §7.6.2: padding, U16 first colour, U16 number of colours, 6 bytes a colour. We ask
    # for true colour, so that no map is ever used.
    first, count = _COLOUR_MAP.unpack((yield _COLOUR_MAP.size))
    if 65_536 < first + count:
        raise RfbError("a colour map reaches beyond its end")
    yield from skip(6 * count)
