"""A frame's operations, applied to the viewers' picture so that they replay exactly.

The upstream's framebuffer shows only how the frame ended, or even how a later one begins. So an
operation may not mean what it says: the pixels that a Copy read may have been painted over since,
and a Write may have been followed by another. Nothing is derived from the order: each operation is
done again on the viewers' picture with the pixels that are there now, and what a Copy left
different is written at the end. What was done is then exactly what a viewer in step will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from gateway.rfb.damage import changed_rects, grid_size, tile_rects, tiles_of
from gateway.rfb.encodings.words import USED, Words
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.scroll import find_scroll
from gateway.rfb.wire import Rect

__all__ = ["replayed"]

# More than this in one frame is said in whole tiles: the viewers' work and ours stay bounded.
_MAX_ASKED: Final = 4096
_MAX_DONE: Final = 256
_MAX_SCREENS: Final = 4


def replayed(operations: Sequence[Operation], shown: Words, upstream: Words) -> list[Operation]:
    """Bring `shown` up to `upstream` where `operations` point; what was done to it, in order.

    Afterwards the two are equal in every rect that `operations` name. Writes bear the pixels that
    `shown` has at the end, and say less than was asked where nothing changed.
    """
    if _too_much(operations, _MAX_ASKED, shown):
        operations = _tiled(operations, shown)
    scroll = _scroll(operations, shown, upstream)
    done: list[Operation] = []
    for each in [scroll, *operations] if scroll else operations:
        done += _done(each, shown, upstream)
    copies = [each for each in done if isinstance(each, Copy)]
    for copy in copies:
        done += _written(copy.rect, shown, upstream)
    joined = list(_joined(done))
    return _tiled(joined, shown) if _too_much(joined, _MAX_DONE, shown) else joined


def _scroll(operations: Sequence[Operation], shown: Words, upstream: Words) -> Copy | None:
    """What an upstream without CopyRect might have said first, for viewers that know it."""
    if any(isinstance(each, Copy) for each in operations):
        return None
    height, width = shown.shape
    rects = [_clipped(each.rect, width, height) for each in operations]
    box = _around([each for each in rects if each is not None])
    return None if box is None else find_scroll(shown, upstream, box)


def _around(rects: Sequence[Rect]) -> Rect | None:
    if not rects:
        return None
    left, top = min(each.x for each in rects), min(each.y for each in rects)
    right, bottom = max(each.right for each in rects), max(each.bottom for each in rects)
    return Rect(left, top, right - left, bottom - top)


def _done(operation: Operation, shown: Words, upstream: Words) -> Sequence[Operation]:
    height, width = shown.shape
    rect = _clipped(operation.rect, width, height)
    if rect is None:
        return ()
    if isinstance(operation, Write):
        return _written(rect, shown, upstream, lossless=operation.lossless)
    if rect != operation.rect or not operation.source.inside(width, height):
        # The screen has changed its size since.
        return _written(rect, shown, upstream)
    _view(shown, rect)[:] = _view(shown, operation.source).copy()
    return (operation,)


def _written(
    rect: Rect, shown: Words, upstream: Words, *, lossless: bool = False
) -> Sequence[Operation]:
    """Write what differs within `rect`."""
    now = _view(upstream, rect) & USED
    changed = changed_rects(_view(shown, rect), now, rect.x, rect.y)
    if changed:
        _view(shown, rect)[:] = now
    return [Write(each, lossless) for each in changed]


def _clipped(rect: Rect, width: int, height: int) -> Rect | None:
    left, top = max(0, rect.x), max(0, rect.y)
    right, bottom = min(rect.right, width), min(rect.bottom, height)
    return Rect(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _view(words: Words, rect: Rect) -> Words:
    return words[rect.y : rect.bottom, rect.x : rect.right]


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
    if first.lossless != second.lossless:
        return None
    a, b = first.rect, second.rect
    if (a.y, a.height) == (b.y, b.height) and a.right == b.x:
        return Write(Rect(a.x, a.y, a.width + b.width, a.height), first.lossless)
    if (a.x, a.width) == (b.x, b.width) and a.bottom == b.y:
        return Write(Rect(a.x, a.y, a.width, a.height + b.height), first.lossless)
    return None


def _too_much(operations: Sequence[Operation], most: int, shown: Words) -> bool:
    area = sum(each.rect.area for each in operations)
    return most < len(operations) or _MAX_SCREENS * shown.size < area


def _tiled(operations: Iterable[Operation], shown: Words) -> list[Operation]:
    """The same damage in fewer rects: whole tiles, in the frame's last pixels."""
    height, width = shown.shape
    tiles = np.zeros(grid_size(width, height), np.bool_)
    for each in operations:
        tiles[tiles_of(each.rect)] = True
    return [Write(rect) for rect in tile_rects(tiles, Rect(0, 0, width, height))]
