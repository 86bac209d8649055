"""Tight: fill, JPEG, or deflated pixels through a filter (rfbproto, Tight Encoding)."""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from typing import Final

import numpy as np

from gateway.errors import RfbError
from gateway.rfb.encodings.gradient import paint_gradient
from gateway.rfb.encodings.inflate import AT_ONCE, Inflater, Paint, check_deflated
from gateway.rfb.encodings.jpeg import paint_jpeg
from gateway.rfb.encodings.palette import (
    paint_bits,
    paint_indices,
    paint_packed,
)
from gateway.rfb.encodings.plain import Plain
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.whole import Whole
from gateway.rfb.encodings.words import Words, paint_rgb, words_of_rgb
from gateway.rfb.reader import Reading

_STREAMS = 4
_TWO_COLOURS = 6  # bytes
_TOO_SMALL_TO_DEFLATE = 12
# Gradients and JPEGs are held whole. Encoders make rects of at most 65536 pixels; these are eight
# times as large.
_MOST_HELD = 512 * 1024
# Larger fills are painted in bands.
_BAND = 512 * 1024
# Work of a pixel: of a JPEG, of a fill.
_JPEG_PIXEL = 80
_FILL_PIXEL = 8


class Compression(IntEnum):
    """The upper half of the control byte; below FILL it is a stream and perhaps a filter flag."""

    FILTER_FOLLOWS = 4
    FILL = 8
    JPEG = 9
    # TurboVNC's and LibVNCServer's: as 0 and FILTER_FOLLOWS, but nobody deflated the bytes.
    PLAIN = 10
    PLAIN_FILTERED = 14


class Filter(IntEnum):
    """What the deflated bytes mean."""

    COPY = 0
    PALETTE = 1
    GRADIENT = 2


# As plain numbers: to look one up in its class costs as much as to compare it three times.
_FILTER_FOLLOWS: Final = int(Compression.FILTER_FOLLOWS)
_FILL: Final = int(Compression.FILL)
_PLAIN: Final = (Compression.PLAIN, Compression.PLAIN_FILTERED)
_PALETTE: Final = int(Filter.PALETTE)


class TightDecoder:
    """Holds the connection's four streams."""

    def __init__(self) -> None:
        self._streams = [Inflater() for _ in range(_STREAMS)]

    def decode(self, into: Words) -> Reading[TightContent | None]:
        """Paint a rect; the result is what it was painted from, where that can be said again."""
        # Control byte: bits 0-3 say which streams begin anew, bits 4-7 the kind of compression.
        (control,) = yield 1
        self._reset(control)
        kind = control >> 4
        if kind < Compression.FILL:
            return (yield from _basic(kind, self._streams[kind & 3], into))
        if kind in _PLAIN:
            return (yield from _basic(kind, Plain(), into))
        if kind == Compression.FILL:
            colour = bytes((yield 3))
            yield from _fill(int.from_bytes(colour, "little"), into)
            return TightContent(colour, b"")
        if kind != Compression.JPEG:
            raise RfbError(f"Tight knows no compression {kind}")
        _check_held(into)
        length = yield from _compact_length()
        check_deflated(length, 4 * into.size)
        paint_jpeg((yield length), into)
        yield -_JPEG_PIXEL * into.size
        return None

    def whole(self, held: memoryview, at: int, into: Words) -> Whole | None:
        """`decode` in one go, where the bytes from `at` on are a whole rect of a common kind.

        Returns where it ends, how much work it was beside its pixels, and its content. Else None,
        and nothing was painted.
        """
        control = held[at]
        if control >> 4 == _FILL:
            colour = bytes(held[at + 1 : at + 4])
            if len(colour) < 3:
                return None
            self._reset(control)
            into[...] = int.from_bytes(colour, "little")
            return at + 4, 0, TightContent(colour, b"")
        filtered = _palette_at(held, at)
        if filtered is None:
            return None
        colours, begin = filtered
        size = _row(colours, into.shape[1]) * len(into)
        extent = _extent(held, begin, size)
        if extent is None:
            return None
        begin, end = extent
        self._reset(control)
        data: bytes | memoryview = held[begin:end]
        work = 0
        if _TOO_SMALL_TO_DEFLATE <= size:
            inflated = self._streams[control >> 4 & 3].whole(held[begin:end], size)
            if inflated is None:
                return None
            data, work = inflated
        return end, work, _paint(colours, data, into)

    def _reset(self, control: int) -> None:
        if control & 0x0F:
            for stream in range(_STREAMS):
                if control & 1 << stream:
                    self._streams[stream].begin_anew()


def _basic(kind: int, stream: Inflater | Plain, into: Words) -> Reading[TightContent | None]:
    way: int = Filter.COPY
    if kind & Compression.FILTER_FOLLOWS:
        (way,) = yield 1
    width = into.shape[1]
    if way == Filter.COPY:
        yield from _inflated(stream, 3 * width, into, paint_rgb)
    elif way == Filter.GRADIENT:
        _check_held(into)
        yield from paint_gradient((yield from _whole(stream, 3 * into.size)), into)
    elif way == Filter.PALETTE:
        # PaletteFilter: U8 number of colours less one, then the colours. Two colours are
        # sent as bits, more as bytes.
        (last,) = yield 1
        return (yield from _named(stream, bytes((yield 3 * (last + 1))), into))
    else:
        raise RfbError(f"Tight knows no filter {way}")
    return None


def _named(stream: Inflater | Plain, colours: bytes, into: Words) -> Reading[TightContent | None]:
    """Pixels that name the colours of a palette."""
    row = _row(colours, into.shape[1])
    if AT_ONCE < row * len(into):
        yield from _inflated(stream, row, into, partial(_paint, colours))
        return None
    return _paint(colours, (yield from _whole(stream, row * len(into))), into)


def _row(colours: bytes, width: int) -> int:
    """The bytes of a row: two colours are said as bits, more as bytes, without a palette three."""
    if not colours:
        return 3 * width
    return (width + 7) // 8 if len(colours) <= _TWO_COLOURS else width


def _paint(colours: bytes, data: bytes | memoryview, into: Words) -> TightContent | None:
    """Paint from what the filter left, and say it, where an encoder of ours would."""
    if not colours:
        paint_rgb(data, into)
        return None
    if len(colours) < _TWO_COLOURS:
        paint_packed(data, 1, words_of_rgb(colours), into)
        return None
    if len(colours) == _TWO_COLOURS:
        paint_bits(data, colours, into)
    else:
        indices = np.frombuffer(data, np.uint8).reshape(into.shape)
        paint_indices(indices, words_of_rgb(colours), into)
    return TightContent(colours, bytes(data))


def _fill(colour: int, into: Words) -> Reading[None]:
    if into.size <= _BAND:
        into[...] = colour
        return
    rows = max(1, _BAND // into.shape[1])
    for top in range(0, len(into), rows):
        into[top : top + rows] = colour
        yield -_FILL_PIXEL * rows * into.shape[1]


def _check_held(into: Words) -> None:
    if _MOST_HELD < into.size:
        raise RfbError(f"{into.size} pixels are too many for a gradient or a JPEG")


def _inflated(stream: Inflater | Plain, row: int, into: Words, paint: Paint) -> Reading[None]:
    size = row * len(into)
    # Fewer than 12 bytes come as they are, without a length.
    if size < _TOO_SMALL_TO_DEFLATE:
        paint(bytes((yield size)), into)
    else:
        yield from stream.paint((yield from _compact_length()), row, into, paint)


def _whole(stream: Inflater | Plain, size: int) -> Reading[bytes]:
    if size < _TOO_SMALL_TO_DEFLATE:
        return bytes((yield size))
    length = yield from _compact_length()
    check_deflated(length, size)
    return (yield from stream.exactly(length, size))


def _palette_at(held: memoryview, at: int) -> tuple[bytes, int] | None:
    """The colours of the rect at `at`, none for plain pixels, and where its data begins.

    None where there is another filter, or not all of the palette.
    """
    kind = held[at] >> 4
    if kind < _FILTER_FOLLOWS:
        return b"", at + 1
    if _FILL <= kind or len(held) < at + 3 or held[at + 1] != _PALETTE:
        return None
    begin = at + 3 + 3 * (held[at + 2] + 1)
    return (bytes(held[at + 3 : begin]), begin) if begin <= len(held) else None


def _extent(held: memoryview, at: int, size: int) -> tuple[int, int] | None:
    """Where the data of so many bytes lies, that begins at `at`; None where it has not all come."""
    begin, length = at, size
    if _TOO_SMALL_TO_DEFLATE <= size:
        if len(held) < at + 3:
            return None
        # As in `_compact_length`.
        begin, length = at + 1, held[at]
        if 0x80 <= length:
            begin, length = at + 2, length & 0x7F | held[at + 1] << 7
        if 0x4000 <= length:
            begin, length = at + 3, length & 0x3FFF | held[at + 2] << 14
        check_deflated(length, size)
    end = begin + length
    return (begin, end) if end <= len(held) else None


def _compact_length() -> Reading[int]:
    # One to three bytes, lowest 7 bits first; bit 7 says that more follow, but for the third.
    (low,) = yield 1
    if low < 0x80:
        return low
    (middle,) = yield 1
    if middle < 0x80:
        return low & 0x7F | middle << 7
    (high,) = yield 1
    return low & 0x7F | (middle & 0x7F) << 7 | high << 14
