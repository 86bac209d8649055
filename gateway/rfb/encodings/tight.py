"""Tight: fill, JPEG, or deflated pixels through a filter (rfbproto, Tight Encoding)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from gateway.errors import RfbError
from gateway.rfb.encodings.gradient import paint_gradient
from gateway.rfb.encodings.inflate import Inflater, check_deflated
from gateway.rfb.encodings.jpeg import paint_jpeg
from gateway.rfb.encodings.palette import packed_size, paint_indices, paint_packed
from gateway.rfb.encodings.words import Words, paint_rgb, words_of_rgb
from gateway.rfb.reader import Reading

_STREAMS = 4
_TOO_SMALL_TO_DEFLATE = 12


class Compression(IntEnum):
    """The upper half of the control byte; below FILL it is a stream and perhaps a filter flag."""

    FILTER_FOLLOWS = 4
    FILL = 8
    JPEG = 9


class Filter(IntEnum):
    """What the deflated bytes mean."""

    COPY = 0
    PALETTE = 1
    GRADIENT = 2


class TightDecoder:
    """Holds the connection's four streams."""

    def __init__(self) -> None:
        self._streams = [Inflater() for _ in range(_STREAMS)]

    def decode(self, into: Words) -> Reading[None]:
        """Paint a rect."""
        # Control byte: bits 0-3 say which streams begin anew, bits 4-7 the kind of compression.
        (control,) = yield 1
        if control & 0x0F:
            self._reset(control)
        kind = control >> 4
        if kind < Compression.FILL:
            yield from self._basic(kind, into)
        elif kind == Compression.FILL:
            into[...] = int.from_bytes((yield 3), "little")
        elif kind == Compression.JPEG:
            length = yield from _compact_length()
            check_deflated(length, 4 * into.size)
            paint_jpeg((yield length), into)
        else:
            raise RfbError(f"Tight knows no compression {kind}")

    def _reset(self, control: int) -> None:
        for stream in range(_STREAMS):
            if control & 1 << stream:
                self._streams[stream] = Inflater()

    def _basic(self, kind: int, into: Words) -> Reading[None]:
        stream = self._streams[kind & 3]
        way: int = Filter.COPY
        if kind & Compression.FILTER_FOLLOWS:
            (way,) = yield 1
        height, width = into.shape
        if way == Filter.COPY:
            paint_rgb((yield from _inflated(stream, 3 * into.size)), into)
        elif way == Filter.GRADIENT:
            paint_gradient((yield from _inflated(stream, 3 * into.size)), into)
        elif way == Filter.PALETTE:
            # PaletteFilter: U8 number of colours less one, then the colours. Two colours are
            # sent as bits, more as bytes.
            (last,) = yield 1
            palette = words_of_rgb((yield 3 * (last + 1)))
            if palette.size <= 2:
                size = packed_size(width, height, 1)
                paint_packed((yield from _inflated(stream, size)), 1, palette, into)
            else:
                indices = np.frombuffer((yield from _inflated(stream, into.size)), np.uint8)
                paint_indices(indices.reshape(height, width), palette, into)
        else:
            raise RfbError(f"Tight knows no filter {way}")


def _inflated(stream: Inflater, size: int) -> Reading[bytes | memoryview]:
    # Fewer than 12 bytes come as they are, without a length.
    if size < _TOO_SMALL_TO_DEFLATE:
        return (yield size)
    length = yield from _compact_length()
    check_deflated(length, size)
    return stream.exactly((yield length), size)


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
