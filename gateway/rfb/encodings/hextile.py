"""Hextile: tiles of 16x16, a background with rectangles on it (RFC 6143 §7.7.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.errors import RfbError
from gateway.rfb.encodings.words import USED, WORD, Words, words
from gateway.rfb.reader import Reading

_TILE: Final = 16
_MASK: Final = int(USED)
# Work of a tile, of a pixel of subrects painted at once, of a subrect painted alone, and how many
# of these are painted without a pause.
_TILE_WORK: Final = 6_000
_AT_ONCE_WORK: Final = 60
_ONE_WORK: Final = 1_500
_GROUP: Final = 4096

Numbers: TypeAlias = npt.NDArray[np.int64]


# A tile's first byte. Plain numbers: IntFlag's operators cost more than the rest of a tile does.
_RAW: Final = 1
_BACKGROUND: Final = 2
_FOREGROUND: Final = 4
_ANY_SUBRECTS: Final = 8
_COLOURED: Final = 16


@dataclass(slots=True)
class _Subrects:
    """Many tiles' rectangles of one kind, to be painted at once."""

    tiles: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    foregrounds: list[int] = field(default_factory=list)
    data: list[memoryview] = field(default_factory=list)

    def add(self, tile: int, count: int, foreground: int, data: memoryview) -> None:
        self.tiles.append(tile)
        self.counts.append(count)
        self.foregrounds.append(foreground)
        self.data.append(data)


@dataclass(slots=True)
class _Band:
    """One row of tiles, read but not yet painted."""

    backgrounds: list[int] = field(default_factory=list)
    raw: list[tuple[int, memoryview]] = field(default_factory=list)
    plain: _Subrects = field(default_factory=_Subrects)
    coloured: _Subrects = field(default_factory=_Subrects)


class HextileDecoder:
    """Reads one rect, tile by tile; paints it a row of tiles at a time."""

    def __init__(self, into: Words) -> None:
        self._into = into
        # RFC 6143 §7.7.4: both colours stay for the tiles that follow, within the rect.
        self._background = 0
        self._foreground = 0

    def decode(self) -> Reading[None]:
        """Paint the rect."""
        height, width = self._into.shape
        for top in range(0, height, _TILE):
            rows = self._into[top : top + _TILE]
            band = _Band()
            for tile, left in enumerate(range(0, width, _TILE)):
                yield from self._tile(band, tile, len(rows) * min(_TILE, width - left))
            yield from _paint(band, rows)
            yield -_TILE_WORK * len(band.backgrounds)

    def _tile(self, band: _Band, tile: int, area: int) -> Reading[None]:
        (flags,) = yield 1
        if flags & _RAW:
            band.raw.append((tile, (yield 4 * area)))
            band.backgrounds.append(0)
            return
        # As flagged: 4 bytes of background, 4 of foreground, U8 number of subrects.
        at = 4 if flags & _BACKGROUND else 0
        end = at + 4 if flags & _FOREGROUND else at
        header = yield end + 1 if flags & _ANY_SUBRECTS else end
        if at:
            self._background = int.from_bytes(header[:4], "little") & _MASK
        if at < end:
            self._foreground = int.from_bytes(header[at:end], "little") & _MASK
        band.backgrounds.append(self._background)
        if flags & _ANY_SUBRECTS:
            count = header[end]
            # Each is two bytes of place and size; with a colour of its own, four before these.
            if flags & _COLOURED:
                band.coloured.add(tile, count, 0, (yield 6 * count))
            else:
                band.plain.add(tile, count, self._foreground, (yield 2 * count))


def decode_hextile(into: Words) -> Reading[None]:
    """Paint a rect."""
    return HextileDecoder(into).decode()


def _paint(band: _Band, rows: Words) -> Reading[None]:
    width = rows.shape[1]
    rows[...] = np.repeat(np.array(band.backgrounds, WORD), _TILE)[:width]
    for tile, data in band.raw:
        into = rows[:, tile * _TILE : (tile + 1) * _TILE]
        np.bitwise_and(words(data).reshape(into.shape), USED, out=into)
    if band.plain.tiles:
        places = np.frombuffer(b"".join(band.plain.data), np.uint8).reshape(-1, 2)
        colours = np.repeat(np.array(band.plain.foregrounds, WORD), band.plain.counts)
        yield from _paint_subrects(places, colours, band.plain, rows)
    if band.coloured.tiles:
        each = np.frombuffer(b"".join(band.coloured.data), np.uint8).reshape(-1, 6)
        colours = words(each[:, :4].tobytes()) & USED
        yield from _paint_subrects(each[:, 4:], colours, band.coloured, rows)


def _paint_subrects(
    places: npt.NDArray[np.uint8], colours: Words, subrects: _Subrects, rows: Words
) -> Reading[None]:
    # RFC 6143 §7.7.4: x and y in the upper and lower half of a byte, then width and height less 1.
    x, y = (places[:, 0] >> 4).astype(np.int64), (places[:, 0] & 15).astype(np.int64)
    width, height = (
        (places[:, 1] >> 4).astype(np.int64) + 1,
        (places[:, 1] & 15).astype(np.int64) + 1,
    )
    tiles = np.repeat(np.array(subrects.tiles, np.int64), subrects.counts)
    room = np.minimum(_TILE, rows.shape[1] - _TILE * tiles)
    if (room < x + width).any() or (rows.shape[0] < y + height).any():
        raise RfbError("a subrect reaches beyond its tile")
    boxes = np.stack((_TILE * tiles + x, y, width, height), axis=1)
    # Subrects that do not overlap cover a tile at most once: all of them are painted at once.
    # Others are painted one by one, so that they cannot ask for more memory than the tiles have.
    crowded = _TILE * _TILE < np.bincount(tiles, width * height)[tiles]
    if crowded.any():
        yield from _paint_one_by_one(boxes[crowded], colours[crowded], rows)
        boxes, colours = boxes[~crowded], colours[~crowded]
    _paint_at_once(boxes, colours, rows)
    yield -_AT_ONCE_WORK * int((boxes[:, 2] * boxes[:, 3]).sum())


def _paint_one_by_one(boxes: Numbers, colours: Words, rows: Words) -> Reading[None]:
    for start in range(0, len(colours), _GROUP):
        group = slice(start, start + _GROUP)
        for (left, top, across, down), colour in zip(
            boxes[group].tolist(), colours[group].tolist(), strict=True
        ):
            rows[top : top + down, left : left + across] = colour
        yield -_GROUP * _ONE_WORK


def _paint_at_once(boxes: Numbers, colours: Words, rows: Words) -> None:
    left, top, width, height = boxes.T
    area = width * height
    which = np.repeat(np.arange(area.size), area)
    # How far each pixel is into its own subrect.
    within = np.arange(which.size) - np.repeat(np.cumsum(area) - area, area)
    down, across = np.divmod(within, width[which])
    # Where a pixel is named twice, numpy leaves the last value: the order of the wire.
    rows[top[which] + down, left[which] + across] = colours[which]
