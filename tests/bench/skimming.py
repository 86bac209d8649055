"""An RFB client that asks for what noVNC 1.7 asks for, and decodes no more than the clock needs.

A measurement is to be one of the server: so it walks the structure of each update and looks only at
rects that touch the picture's first rows. Streams that go on from rect to rect (Xvnc's and QEMU's)
are inflated when such a rect comes; those that were reset in between were not needed.
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import simplejpeg
from isal import isal_zlib

from gateway.rfb.encodings.words import USED, WORD, Words, as_words, words_of_rgb
from gateway.rfb.wire import RGBX, Encoding
from tests.bench.clock import ROWS, WIDTH, Clock, key_block

NOVNC_ENCODINGS: Final = (
    Encoding.COPYRECT, Encoding.TIGHT, Encoding.ZRLE, Encoding.HEXTILE, Encoding.ZLIB,
    Encoding.RAW, Encoding.QUALITY_0 + 6, Encoding.COMPRESS_0 + 2, Encoding.DESKTOP_SIZE,
    Encoding.LAST_RECT, Encoding.QEMU_EXTENDED_KEY, Encoding.EXTENDED_DESKTOP_SIZE,
    Encoding.FENCE, Encoding.CONTINUOUS_UPDATES, Encoding.DESKTOP_NAME, Encoding.CURSOR,
)  # fmt: skip

Walk = Generator[int, bytes, None]


@dataclass
class Seen:
    """What a viewer saw since it was last cleared."""

    updates: int = 0
    received: int = 0
    clocks: list[tuple[float, int]] = field(default_factory=list)  # when, and what it showed
    keys: list[float] = field(default_factory=list)  # seconds from key to pixel


class SkimmingViewer:
    """Bytes in, bytes out. `now` is handed in with the bytes."""

    def __init__(self, clock: Clock) -> None:
        self.seen = Seen()
        self.complete_at: float | None = None  # when every pixel had been painted
        self._clock = clock
        self._now = 0.0
        self._buffer = bytearray()
        self._at = 0
        self._out = bytearray()
        self._width = self._height = self._painted = 0
        self._continuous = False
        self._top: Words = np.zeros((ROWS, WIDTH), WORD)
        self._streams = [_Stream() for _ in range(4)]
        self._pressed_at: float | None = None
        self._block = False
        self._walk = self._connection()
        self._need = next(self._walk)

    def receive(self, data: bytes, now: float) -> bytes:
        """Take what arrived; what must be sent now."""
        self._now = now
        self.seen.received += len(data)
        self._buffer += data
        view = memoryview(self._buffer)
        at, end = 0, len(view)
        try:
            while at + self._need <= end:
                taken = bytes(view[at : at + self._need])
                at += self._need
                self._need = self._walk.send(taken)
        finally:
            view.release()
        del self._buffer[:at]
        out = bytes(self._out)
        self._out.clear()
        return out

    def press(self, now: float) -> bytes:
        """A key, down and up; nothing while the last one is still awaited."""
        if self._pressed_at is not None and now - self._pressed_at < 5:
            return b""
        self._pressed_at = now
        return b"".join(struct.pack(">BBxxI", 4, down, ord("a")) for down in (1, 0))

    def _connection(self) -> Walk:
        version = yield 12
        self._out += version
        (count,) = yield 1
        types = yield count
        assert 1 in types, "the server wants a password"
        self._out += b"\x01"
        assert (yield 4) == bytes(4)
        self._out += b"\x01"  # ClientInit: shared
        init = yield 24
        self._width, self._height = struct.unpack(">HH", init[:4])
        yield struct.unpack(">I", init[20:])[0]
        encodings = b"".join(struct.pack(">i", e) for e in NOVNC_ENCODINGS)
        self._out += b"\x00\x00\x00\x00" + RGBX.pack()
        self._out += struct.pack(">BxH", 2, len(NOVNC_ENCODINGS)) + encodings
        self._request(incremental=False)
        while True:
            yield from self._message()

    def _request(self, *, incremental: bool) -> None:
        self._out += struct.pack(">BBHHHH", 3, incremental, 0, 0, self._width, self._height)

    def _message(self) -> Walk:
        kind = (yield 1)[0]
        match kind:
            case 0:
                yield from self._update()
            case 2:
                pass
            case 3:
                header = yield 7
                yield struct.unpack(">3xI", header)[0]
            case 150:  # EndOfContinuousUpdates: the server knows them
                self._continuous = True
                self._out += struct.pack(">BBHHHH", 150, 1, 0, 0, self._width, self._height)
            case 248:
                header = yield 8
                flags, length = struct.unpack(">3xIB", header)
                payload = yield length
                if flags & 1 << 31:
                    reply = struct.pack(">B3xIB", 248, flags & 7, length)
                    self._out += reply + payload
            case _:
                raise AssertionError(f"message {kind}")

    def _update(self) -> Walk:
        (count,) = struct.unpack(">xH", (yield 3))
        painted = looked = False
        while count:
            x, y, width, height, encoding = struct.unpack(">HHHHi", (yield 12))
            count -= 1
            if encoding == Encoding.LAST_RECT:
                break
            if 0 <= encoding:
                painted = True
                if self.complete_at is None:
                    self._painted += width * height
                touches = y < ROWS and x < WIDTH
                looked = looked or touches
                yield from self._rect(x, y, width, height, encoding, touches=touches)
            else:
                yield from self._pseudo(width, height, encoding)
        self.seen.updates += painted
        if looked:
            self._look()
        if self.complete_at is None and self._width * self._height <= self._painted:
            self.complete_at = self._now
        if not self._continuous:
            self._request(incremental=True)

    def _look(self) -> None:
        counter = self._clock.read(self._top)
        clocks = self.seen.clocks
        if counter is not None and (not clocks or clocks[-1][1] != counter):
            clocks.append((self._now, counter))
        block = key_block(self._top)
        if block != self._block and self._pressed_at is not None:
            self.seen.keys.append(self._now - self._pressed_at)
            self._pressed_at = None
        self._block = block

    def _rect(
        self, x: int, y: int, width: int, height: int, encoding: int, *, touches: bool
    ) -> Walk:
        match encoding:
            case Encoding.RAW:
                data = yield width * height * 4
                if touches:
                    pixels = np.frombuffer(data, WORD).reshape(height, width)
                    self._paint(x, y, pixels & USED)
            case Encoding.COPYRECT:
                source_x, source_y = struct.unpack(">HH", (yield 4))
                assert not touches, f"a copy from {source_x},{source_y} over the clock"
            case Encoding.TIGHT:
                yield from self._tight(x, y, width, height, touches=touches)
            case _:
                raise AssertionError(f"encoding {encoding}")

    def _pseudo(self, width: int, height: int, encoding: int) -> Walk:
        match encoding:
            case Encoding.CURSOR:
                yield width * height * 4 + (width + 7) // 8 * height
            case Encoding.DESKTOP_SIZE:
                self._resized(width, height)
            case Encoding.EXTENDED_DESKTOP_SIZE:
                screens = (yield 4)[0]
                yield screens * 16
                self._resized(width, height)
            case Encoding.DESKTOP_NAME:
                yield struct.unpack(">I", (yield 4))[0]
            case Encoding.QEMU_EXTENDED_KEY:
                pass
            case _:
                raise AssertionError(f"pseudo-encoding {encoding}")

    def _resized(self, width: int, height: int) -> None:
        self._width, self._height = width, height

    def _paint(self, x: int, y: int, pixels: Words) -> None:
        into = self._top[y : y + len(pixels), x : x + pixels.shape[1]]
        into[...] = pixels[: into.shape[0], : into.shape[1]]

    def _tight(self, x: int, y: int, width: int, height: int, *, touches: bool) -> Walk:
        control = (yield 1)[0]
        for number, stream in enumerate(self._streams):
            if control & 1 << number:
                stream.reset()
        kind = control >> 4
        if kind == 8:  # fill
            colour = yield 3
            if touches:
                self._paint(x, y, np.full((height, width), words_of_rgb(colour)[0], WORD))
        elif kind == 9:  # JPEG
            data = yield from self._compact()
            if touches:
                self._paint(x, y, as_words(simplejpeg.decode_jpeg(data, "RGBX")) & USED)
        else:
            palette = None
            if kind & 4 and (yield 1)[0] == 1:
                colours = (yield 1)[0] + 1
                palette = words_of_rgb((yield colours * 3))
            bits = 24 if palette is None else 1 if palette.size == 2 else 8
            size = (width * bits + 7) // 8 * height
            stream = self._streams[kind & 3]
            if size < 12:
                data = yield size
            else:
                stream.add((yield from self._compact()))
                data = stream.inflated() if touches else b""
            if touches:
                self._paint(x, y, _pixels(data, palette, width, height))

    def _compact(self) -> Generator[int, bytes, bytes]:
        length = shift = 0
        while True:
            (byte,) = yield 1
            length |= (byte & 0x7F if shift < 14 else byte) << shift
            shift += 7
            if byte < 0x80 or 21 <= shift:
                break
        return (yield length)


class _Stream:
    """A zlib stream that is inflated as late as possible."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._inflater: Any = None
        self._waiting: list[bytes] = []

    def add(self, data: bytes) -> None:
        self._waiting.append(data)

    def inflated(self) -> bytes:
        """What the newest piece holds."""
        if self._inflater is None:
            self._inflater = isal_zlib.decompressobj()
        for each in self._waiting[:-1]:
            self._inflater.decompress(each)
        newest: bytes = self._inflater.decompress(self._waiting[-1])
        self._waiting.clear()
        return newest


def _pixels(data: bytes, palette: Words | None, width: int, height: int) -> Words:
    if palette is None:
        return words_of_rgb(data).reshape(height, width)
    if palette.size == 2:
        rows = np.frombuffer(data, np.uint8).reshape(height, -1)
        return palette[np.unpackbits(rows, axis=1, count=width)]
    return palette[np.frombuffer(data, np.uint8).reshape(height, width)]
