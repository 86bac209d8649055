"""A frame's operations, so that whoever replays them on the frame before ends with the same pixels.

Viewers are sent a frame when it is whole: each Write bears the pixels that stand there at the
frame's end. So an operation may not mean what it said. A Copy reads the right pixels unless some of
them were written before it in this frame, and painted over by it or later; such a Copy is said as a
Write. It is judged by the rects alone: no pixel is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.rfb.damage import TILE, grid_size, tile_rects
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.wire import Rect

__all__ = ["replayable"]

# More than this in one frame is said in whole tiles: the viewers' work and ours stay bounded.
_MAX_OPERATIONS: Final = 256
_MAX_COPIES: Final = 32
_MAX_SCREENS: Final = 4
# Smaller rects are worth less than their headers: they are joined, and their pixels looked at.
_SMALL_AREA: Final = 2048

_Matrix: TypeAlias = npt.NDArray[np.bool_]


def replayable(
    operations: Sequence[Operation], width: int, height: int, *, copies: bool = True
) -> list[Operation]:
    """What was done to a `width` x `height` framebuffer, as it can be done again, in order.

    With `copies` false, nothing that viewers hold may be copied: there are only Writes.
    """
    if _MAX_OPERATIONS < len(operations):
        return _tiled(operations, width, height)
    joined = list(_joined(_clipped(operations, width, height, copies=copies)))
    if _too_much(joined, width * height):
        return _tiled(joined, width, height)
    if len(joined) <= 1:
        return joined
    return _exact(joined)


def _clipped(
    operations: Iterable[Operation], width: int, height: int, *, copies: bool
) -> Iterator[Operation]:
    """Nothing reaches outside: the framebuffer may have changed its size since."""
    for each in operations:
        rect = each.rect
        if rect.inside(width, height):
            inside = isinstance(each, Write) or (copies and each.source.inside(width, height))
            yield each if inside else Write(rect)
            continue
        right, bottom = min(rect.right, width), min(rect.bottom, height)
        if rect.x < right and rect.y < bottom:
            cut = Rect(rect.x, rect.y, right - rect.x, bottom - rect.y)
            yield Write(cut, isinstance(each, Write) and each.lossless)


def _exact(operations: list[Operation]) -> list[Operation]:
    """Copies that would read other pixels become Writes; content that is stale is left out."""
    overlaps = _overlaps(operations) if any(map(_has_content, operations)) else None
    done: list[Operation] = []
    for at, each in enumerate(operations):
        if isinstance(each, Copy):
            written = [one.rect for one in done if isinstance(one, Write)]
            later = [one.rect for one in operations[at:]]
            done.append(each if _reads_right(each.source, written, later) else Write(each.rect))
        elif overlaps is not None and each.content and overlaps[at, at + 1 :].any():
            done.append(replace(each, content=None))
        else:
            done.append(each)
    return done


def _has_content(operation: Operation) -> bool:
    return isinstance(operation, Write) and operation.content is not None


def _reads_right(source: Rect, written: Sequence[Rect], later: Sequence[Rect]) -> bool:
    for rect in written:
        common = _common(source, rect)
        if common is not None and any(_common(common, one) for one in later):
            return False
    return True


def _common(one: Rect, other: Rect) -> Rect | None:
    left, top = max(one.x, other.x), max(one.y, other.y)
    right, bottom = min(one.right, other.right), min(one.bottom, other.bottom)
    return Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _overlaps(operations: Sequence[Operation]) -> _Matrix:
    """Which rects overlap which."""
    rects = [each.rect for each in operations]
    edges = np.array([(each.x, each.y, each.right, each.bottom) for each in rects])
    left, top, right, bottom = edges.T[:, :, None]
    overlap: _Matrix = (left < right.T) & (left.T < right) & (top < bottom.T) & (top.T < bottom)
    return overlap


def _joined(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Join Writes to the one just before where both make one rect: QEMU says 16 pixels at a time.

    A Write may move past a Write, since all bear the frame's last pixels, but never past a Copy.
    """
    last: Operation | None = None
    for each in operations:
        joined = _join(last, each)
        if joined is None and last is not None:
            yield last
        last = joined or each
    if last is not None:
        yield last


def _join(first: Operation | None, second: Operation) -> Write | None:
    if not (isinstance(first, Write) and isinstance(second, Write)):
        return None
    if first.lossless != second.lossless or (_speaks(first) and _speaks(second)):
        return None
    a, b = first.rect, second.rect
    if (a.y, a.height) == (b.y, b.height) and a.right == b.x:
        return Write(Rect(a.x, a.y, a.width + b.width, a.height), first.lossless)
    if (a.x, a.width) == (b.x, b.width) and a.bottom == b.y:
        return Write(Rect(a.x, a.y, a.width, a.height + b.height), first.lossless)
    return None


def _speaks(write: Write) -> bool:
    """Whether its content is worth keeping."""
    return write.content is not None and _SMALL_AREA <= write.rect.area


def _too_much(operations: Sequence[Operation], screen: int) -> bool:
    area = sum(each.rect.area for each in operations)
    copies = sum(isinstance(each, Copy) for each in operations)
    return _MAX_OPERATIONS < len(operations) or _MAX_COPIES < copies or _MAX_SCREENS * screen < area


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
