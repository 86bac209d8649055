"""Where pixels differ, and which tiles are owed: areas as few rects as is cheap to find."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.rfb.encodings.words import Words
from gateway.rfb.wire import Rect

__all__ = [
    "TILE",
    "Tiles",
    "around",
    "changed_rects",
    "common",
    "grid_size",
    "inner_tiles",
    "overlapped",
    "tile_rects",
    "tiles_of",
]

TILE: Final = 32
# Up to so many rects are compared one by one.
_FEW: Final = 5
Tiles: TypeAlias = npt.NDArray[np.bool_]
_Slices: TypeAlias = tuple[slice, slice]


def grid_size(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of the tiles that cover a framebuffer."""
    return -(-height // TILE), -(-width // TILE)


def tiles_of(rect: Rect) -> _Slices:
    """The tiles that `rect` touches."""
    return (
        slice(rect.y // TILE, -(-rect.bottom // TILE)),
        slice(rect.x // TILE, -(-rect.right // TILE)),
    )


def inner_tiles(rect: Rect, width: int, height: int) -> _Slices:
    """The tiles of a width x height framebuffer that `rect` covers wholly."""
    # The last row and column may be cut by the framebuffer's edge.
    bottom = -(-height // TILE) if rect.bottom == height else rect.bottom // TILE
    right = -(-width // TILE) if rect.right == width else rect.right // TILE
    return slice(-(-rect.y // TILE), bottom), slice(-(-rect.x // TILE), right)


def common(one: Rect, other: Rect) -> Rect | None:
    """What both cover."""
    left, top = max(one.x, other.x), max(one.y, other.y)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    return Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None


def around(rects: Sequence[Rect]) -> Rect:
    """The smallest rect that holds them all."""
    left, top = min(each.x for each in rects), min(each.y for each in rects)
    right, bottom = max(each.right for each in rects), max(each.bottom for each in rects)
    return Rect(left, top, right - left, bottom - top)


def overlapped(rects: Sequence[Rect]) -> Sequence[int]:
    """Which rects overlap one that comes after them."""
    if len(rects) <= _FEW:
        return [
            at for at, rect in enumerate(rects) if any(common(rect, one) for one in rects[at + 1 :])
        ]
    edges = np.fromiter(chain.from_iterable(rects), np.int32, 4 * len(rects)).reshape(-1, 4).T
    left, top = edges[0], edges[1]
    right, bottom = left + edges[2], top + edges[3]
    overlap = left[:, None] < right
    overlap &= top[:, None] < bottom
    overlap &= overlap.T
    if np.count_nonzero(overlap) == len(rects):
        return ()  # each overlaps itself alone, as is usual
    hidden: list[int] = np.flatnonzero(np.triu(overlap, 1).any(axis=1)).tolist()
    return hidden


def tile_rects(tiles: Tiles, bounds: Rect) -> list[Rect]:
    """The marked tiles as disjoint rects within `bounds`, whose corner is the grid's first tile.

    Runs in a row, joined to equal runs right below.
    """
    rows, columns = tiles.shape
    # With a border on both sides, each run of a row has two edges.
    bordered = np.zeros((rows, columns + 2), np.bool_)
    bordered[:, 1:-1] = tiles
    tops, edges = np.nonzero(bordered[:, 1:] != bordered[:, :-1])
    rects: list[Rect] = []
    open_runs: dict[tuple[int, int], tuple[int, int]] = {}
    for row, left, right in zip(
        tops[::2].tolist(), edges[::2].tolist(), edges[1::2].tolist(), strict=True
    ):
        run = (left, right)
        top, bottom = open_runs.get(run, (row, row))
        if bottom != row:
            rects.append(_pixels(bounds, run, top, bottom))
            top = row
        open_runs[run] = (top, row + 1)
    rects += [_pixels(bounds, run, *span) for run, span in open_runs.items()]
    return rects


def changed_rects(before: Words, after: Words, x: int, y: int) -> list[Rect]:
    """Where two pictures of one size differ, for pictures whose corner is at (`x`, `y`)."""
    different = before != after
    rows = np.flatnonzero(different.any(axis=1))
    if not rows.size:
        return []
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(different[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    box = Rect(x + left, y + top, right - left, bottom - top)
    if box.area <= 4 * TILE * TILE:
        return [box]
    return tile_rects(_tiles(different[top:bottom, left:right]), box)


def _tiles(different: Tiles) -> Tiles:
    height, width = different.shape
    by_row = np.logical_or.reduceat(different, np.arange(0, height, TILE), axis=0)
    return np.logical_or.reduceat(by_row, np.arange(0, width, TILE), axis=1)


def _pixels(bounds: Rect, run: tuple[int, int], top: int, bottom: int) -> Rect:
    x, y = bounds.x + run[0] * TILE, bounds.y + top * TILE
    right, low = bounds.x + run[1] * TILE, bounds.y + bottom * TILE
    return Rect(x, y, min(right, bounds.right) - x, min(low, bounds.bottom) - y)
