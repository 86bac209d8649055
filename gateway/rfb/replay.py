"""A frame's operations, so that whoever replays them on the frame before ends with the same pixels.

Viewers are sent a frame when it is whole: each Write bears the pixels that stand there at the
frame's end. So an operation may not mean what it said. A Copy reads the right pixels unless some of
them were written before it in this frame, and painted over by it or later; such a Copy is said as a
Write. It is judged by the rects alone: no pixel is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from gateway.rfb.damage import TILE, common, grid_size, overlapped, tile_rects
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.pages import in_one_piece
from gateway.rfb.wire import Rect

__all__ = ["replayable"]

# More than this in one frame is said in whole tiles: the viewers' work and ours stay bounded.
_MAX_OPERATIONS: Final = 256
_MAX_COPIES: Final = 32
_MAX_SCREENS: Final = 4
# Smaller rects are worth less than their headers: they are joined, and their pixels looked at.
_SMALL_AREA: Final = 2048


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
    for said in in_one_piece(operations, width, height):
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
        for at in overlapped([each.rect for each in operations]):
            each = operations[at]
            if isinstance(each, Write) and each.content:
                operations[at] = Write(each.rect, each.lossless)
    return operations


def _reads_right(source: Rect, written: Sequence[Rect], later: Sequence[Operation]) -> bool:
    for rect in written:
        shared = common(source, rect)
        if shared is not None and any(common(shared, one.rect) for one in later):
            return False
    return True


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
    if first.lossless != second.lossless or _speaks(first) or _speaks(second):
        return None
    if beside:
        return Write(Rect(x, y, width + next_width, height), first.lossless)
    return Write(Rect(x, y, width, height + next_height), first.lossless)


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
