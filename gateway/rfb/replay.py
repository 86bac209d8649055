"""A frame's operations, so that whoever replays them on the frame before ends with the same pixels.

Viewers are sent a frame when it is whole: each Write bears the pixels that stand there at the
frame's end. So an operation may not mean what it said. A Copy reads the right pixels unless some of
them were written before it in this frame, and painted over by it or later; such a Copy is said as a
Write. It is judged by the rects alone: no pixel is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np

from gateway.rfb.damage import TILE, grid_size, tile_rects
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.wire import Rect

__all__ = ["replayable"]

# More than this in one frame is said in whole tiles: the viewers' work and ours stay bounded.
_MAX_OPERATIONS: Final = 256
_MAX_COPIES: Final = 32
_MAX_SCREENS: Final = 4
# Smaller rects are worth less than their headers: they are joined, and their pixels looked at.
_SMALL_AREA: Final = 2048
# Content on end is said in one piece up to here: its bytes are copied for each that joins.
_MAX_SAID: Final = 32 * 1024
# Up to so many rects are compared one by one.
_FEW: Final = 5


def replayable(
    operations: Sequence[Operation], width: int, height: int, *, copies: bool = True
) -> list[Operation]:
    """What was done to a `width` x `height` framebuffer, as it can be done again, in order.

    With `copies` false, nothing that viewers hold may be copied: there are only Writes.
    """
    if _MAX_OPERATIONS < len(operations):
        return _tiled(operations, width, height)
    joined: list[Operation] = []
    area = copied = 0
    for said in operations:
        each = _inside(said, width, height, copies=copies)
        if each is None:
            continue
        area += each.rect.width * each.rect.height
        copied += isinstance(each, Copy)
        whole = _join(joined[-1], each) if joined else None
        if whole is None:
            joined.append(each)
        else:
            joined[-1] = whole
    if _MAX_COPIES < copied or _MAX_SCREENS * width * height < area:
        return _tiled(joined, width, height)
    if len(joined) <= 1:
        return joined
    return _fresh(_exact(joined) if copied else joined)


def _inside(operation: Operation, width: int, height: int, *, copies: bool) -> Operation | None:
    """Nothing reaches outside: the framebuffer may have changed its size since."""
    x, y, across, down = rect = operation.rect
    right, bottom = x + across, y + down
    if right <= width and bottom <= height:
        if isinstance(operation, Write) or (copies and operation.source.inside(width, height)):
            return operation
        return Write(rect)
    right, bottom = min(right, width), min(bottom, height)
    if right <= x or bottom <= y:
        return None
    lossless = isinstance(operation, Write) and operation.lossless
    return Write(Rect(x, y, right - x, bottom - y), lossless)


def _exact(operations: list[Operation]) -> list[Operation]:
    """Copies that would read other pixels become Writes."""
    done: list[Operation] = []
    written: list[Rect] = []
    for at, each in enumerate(operations):
        if isinstance(each, Copy):
            if not written or _reads_right(each.source, written, operations[at:]):
                done.append(each)
                continue
            done.append(Write(each.rect))
        else:
            done.append(each)
        written.append(each.rect)
    return done


def _fresh(operations: list[Operation]) -> list[Operation]:
    """Content that is stale, because something was painted over it, is left out."""
    if any(isinstance(each, Write) and each.content for each in operations):
        for at in _painted_over([each.rect for each in operations]):
            each = operations[at]
            if isinstance(each, Write) and each.content:
                operations[at] = Write(each.rect, each.lossless)
    return operations


def _reads_right(source: Rect, written: Sequence[Rect], later: Sequence[Operation]) -> bool:
    for rect in written:
        common = _common(source, rect)
        if common is not None and any(_common(common, one.rect) for one in later):
            return False
    return True


def _common(one: Rect, other: Rect) -> Rect | None:
    left, top = max(one.x, other.x), max(one.y, other.y)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    return Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _painted_over(rects: Sequence[Rect]) -> Sequence[int]:
    """Which rects overlap one that comes after them."""
    if len(rects) <= _FEW:
        return [
            at
            for at, rect in enumerate(rects)
            if any(_common(rect, one) for one in rects[at + 1 :])
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


def _join(first: Operation, second: Operation) -> Write | None:
    """One Write for two on end where they make one rect: QEMU says 16 pixels at a time.

    A Write may move past a Write, since all bear the frame's last pixels, but never past a Copy.
    """
    x, y, width, height = first.rect
    next_x, next_y, next_width, next_height = second.rect
    beside = y == next_y and height == next_height and x + width == next_x
    below = x == next_x and width == next_width and y + height == next_y
    if not (beside or below) or isinstance(first, Copy) or isinstance(second, Copy):
        return None
    if first.lossless != second.lossless:
        return None
    if beside:
        content, rect = None, Rect(x, y, width + next_width, height)
    else:
        content, rect = _stacked(first, second), Rect(x, y, width, height + next_height)
    if content is None and (_speaks(first) or _speaks(second)):
        return None
    return Write(rect, first.lossless, content)


def _stacked(upper: Write, lower: Write) -> TightContent | None:
    """Both contents in one; None where that takes looking at the pixels."""
    one, other = upper.content, lower.content
    if one is None or other is None or one.palette != other.palette:
        return None
    if _MAX_SAID < len(one.data) + len(other.data):
        return None
    return TightContent(one.palette, one.data + other.data)


def _speaks(write: Write) -> bool:
    """Whether its content is worth keeping."""
    return write.content is not None and _SMALL_AREA <= write.rect.area


def _tiled(operations: Sequence[Operation], width: int, height: int) -> list[Operation]:
    """The same damage in fewer rects: whole tiles, in the frame's last pixels."""
    rows, columns = grid_size(width, height)
    corners = np.array([(*each.rect[:2], each.rect.right, each.rect.bottom) for each in operations])
    left, top = corners[:, 0] // TILE, corners[:, 1] // TILE
    right, bottom = -(-corners[:, 2] // TILE), -(-corners[:, 3] // TILE)
    # What reaches outside ends at the edge; what lies outside is nothing there.
    left, right = np.minimum(left, columns), np.minimum(right, columns)
    top, bottom = np.minimum(top, rows), np.minimum(bottom, rows)
    # Each rect is one more from its first corner on, and one less beyond its others.
    steps = np.zeros((rows + 1, columns + 1), np.int64)
    for at, step in (
        ((top, left), 1),
        ((top, right), -1),
        ((bottom, left), -1),
        ((bottom, right), 1),
    ):
        np.add.at(steps, at, step)
    covered = steps.cumsum(axis=0).cumsum(axis=1)[:rows, :columns]
    return [Write(rect) for rect in tile_rects(covered > 0, Rect(0, 0, width, height))]
