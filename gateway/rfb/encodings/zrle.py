"""ZRLE: tiles of 64x64, each in its own way, deflated as one stream (RFC 6143 §7.7.6)."""

from __future__ import annotations

import struct
from typing import Final

from gateway.errors import RfbError
from gateway.rfb.encodings.inflate import Deflated, Inflater, check_deflated
from gateway.rfb.encodings.palette import packed_size, paint_indices, paint_packed
from gateway.rfb.encodings.run_lengths import expand_indexed, expand_plain
from gateway.rfb.encodings.words import Words, paint_rgb, words_of_rgb
from gateway.rfb.reader import Reading

_LENGTH: Final = struct.Struct(">I")
_TILE = 64

# RFC 6143 §7.7.6: subencodings.
_RAW = 0
_SOLID = 1
_LAST_PACKED = 16
_PLAIN_RLE = 128
_FIRST_PALETTE_RLE = 130

# Plain RLE with runs of one pixel.
_LONGEST_TILE: Final = 1 + 4 * _TILE * _TILE
_WINDOW: Final = 256 * 1024
# Work of a tile, of one with runs, and of each of its bytes.
_TILE_WORK: Final = 40_000
_RUNS_WORK: Final = 200_000
_BYTE_WORK: Final = 80


class ZrleDecoder:
    """Holds the connection's stream."""

    def __init__(self) -> None:
        self._stream = Inflater()

    def decode(self, into: Words) -> Reading[None]:
        """Paint a rect."""
        # RFC 6143 §7.7.6: U32 length, then that many deflated bytes.
        (length,) = _LENGTH.unpack((yield _LENGTH.size))
        check_deflated(length, 4 * into.size)
        deflated = Deflated(self._stream, length)
        height, width = into.shape
        data, at, ended = b"", 0, False
        for top in range(0, height, _TILE):
            for left in range(0, width, _TILE):
                while not ended and len(data) - at < _LONGEST_TILE:
                    more = yield from deflated.some(_WINDOW)
                    data, at, ended = data[at:] + more, 0, not more
                begin = at
                at = _paint_tile(data, at, into[top : top + _TILE, left : left + _TILE])
                work = _TILE_WORK if data[begin] < _PLAIN_RLE else _RUNS_WORK
                yield -work - _BYTE_WORK * (at - begin)
        if at != len(data):
            raise RfbError("bytes were inflated that belong to no tile")
        yield from deflated.end()


def _paint_tile(data: bytes, at: int, into: Words) -> int:
    """Paint the tile whose bytes begin at `at`; where the next one begins."""
    if len(data) <= at:
        raise RfbError("a tile is missing")
    kind = data[at]
    at += 1
    height, width = into.shape
    if kind == _SOLID:
        into[...] = int.from_bytes(_take(data, at, 3), "little")
        return at + 3
    if kind == _RAW:
        paint_rgb(_take(data, at, 3 * into.size), into)
        return at + 3 * into.size
    if kind == _PLAIN_RLE:
        pixels, at = expand_plain(data, at, into.size)
        into[...] = pixels.reshape(into.shape)
        return at
    if _FIRST_PALETTE_RLE <= kind:
        # The palette has `kind` - 128 colours.
        colours = kind - _PLAIN_RLE
        palette = words_of_rgb(_take(data, at, 3 * colours))
        indices, at = expand_indexed(data, at + 3 * colours, into.size)
        paint_indices(indices.reshape(into.shape), palette, into)
        return at
    if kind <= _LAST_PACKED:
        palette = words_of_rgb(_take(data, at, 3 * kind))
        at += 3 * kind
        bits = 1 if kind == 2 else 2 if kind <= 4 else 4
        size = packed_size(width, height, bits)
        paint_packed(_take(data, at, size), bits, palette, into)
        return at + size
    raise RfbError(f"ZRLE knows no subencoding {kind}")


def _take(data: bytes, at: int, size: int) -> bytes:
    if len(data) < at + size:
        raise RfbError("a tile reaches beyond its data")
    return data[at : at + size]
