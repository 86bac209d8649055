"""Finding scrolls: upstreams without CopyRect (QEMU) repaint every line when a text moves up."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.rfb.damage import around, changed_rects
from gateway.rfb.encodings.words import Words
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.wire import Rect

__all__ = ["Scrolls", "find_scroll"]

_SMALLEST_SIDE: Final = 64
_SMALLEST_AREA: Final = 128 * 128
_FEWEST_ROWS: Final = 32
_FEWEST_MOVED: Final = 16
# Some columns tell rows apart; no divisor of a glyph's width, or all might be gaps.
_COLUMN_STEP: Final = 7
_WEIGHTS: Final = np.random.default_rng(7).integers(1, 1 << 32, 16_384, np.uint32) | np.uint32(1)

_Hashes = npt.NDArray[np.uint32]


class Scrolls:
    """Tells a frame's paintings as a Copy and what is left, where most of them only moved.

    It holds the picture as it was before, from the first large painting on. INVARIANT: that is what
    a viewer in step holds, so that what it is told is exact.
    """

    def __init__(self) -> None:
        self._before: Words | None = None

    def forget(self) -> None:
        """The picture was replaced."""
        self._before = None

    def told(self, operations: list[Operation], pixels: Words) -> list[Operation]:
        """The same frame, which ended in `pixels`, in fewer words where there are."""
        large = _SMALLEST_AREA <= sum(each.rect.area for each in operations)
        if self._before is None:
            if large:
                self._before = pixels.copy()
            return operations
        done = self._moved(operations, pixels) if large else None
        if done is not None:
            return done
        for each in operations:
            _view(self._before, each.rect)[:] = _view(pixels, each.rect)
        return operations

    def _moved(self, operations: list[Operation], pixels: Words) -> list[Operation] | None:
        before = self._before
        assert before is not None
        if any(isinstance(each, Copy) for each in operations):
            return None
        copy = find_scroll(before, pixels, around([each.rect for each in operations]))
        if copy is None:
            return None
        _view(before, copy.rect)[:] = _view(before, copy.source).copy()
        done: list[Operation] = [copy]
        for rect in (*(each.rect for each in operations), copy.rect):
            now = _view(pixels, rect)
            done += [
                Write(each) for each in changed_rects(_view(before, rect), now, rect.x, rect.y)
            ]
            _view(before, rect)[:] = now
        return done


def find_scroll(before: Words, after: Words, rect: Rect) -> Copy | None:
    """The Copy that turns most of `rect` from what it was before into what it is after.

    A guess from hashes, worth making and nothing more: whoever uses it compares afterwards.
    """
    if min(rect.width, rect.height) < _SMALLEST_SIDE:
        return None
    old, new = _row_hashes(before, rect), _row_hashes(after, rect)
    changed = old != new
    moved = _most_usual_move(old, new, changed)
    if not moved:
        return None
    start, end = _longest_run(old, new, moved)
    if end - start < _FEWEST_ROWS or np.count_nonzero(changed[start:end]) < _FEWEST_MOVED:
        return None
    top = rect.y + start
    return Copy(Rect(rect.x, top, rect.width, end - start), rect.x, top + moved)


def _view(words: Words, rect: Rect) -> Words:
    return words[rect.y : rect.bottom, rect.x : rect.right]


def _row_hashes(words: Words, rect: Rect) -> _Hashes:
    sample = words[rect.y : rect.bottom, rect.x : rect.right : _COLUMN_STEP]
    hashes: _Hashes = np.einsum("ij,j->i", sample, _WEIGHTS[: sample.shape[1]])
    return hashes


def _most_usual_move(old: _Hashes, new: _Hashes, changed: npt.NDArray[np.bool_]) -> int:
    """How far below most changed rows lay before (negative: above); 0 where too few agree."""
    # A row that is there twice, such as an empty one, says nothing about where it came from.
    known, places, counts = np.unique(old, return_index=True, return_counts=True)
    known, places = known[counts == 1], places[counts == 1]
    rows = np.flatnonzero(changed)
    if not known.size or rows.size < _FEWEST_MOVED:
        return 0
    found = np.minimum(np.searchsorted(known, new[rows]), known.size - 1)
    same = known[found] == new[rows]
    moves = places[found[same]] - rows[same]
    if moves.size < _FEWEST_MOVED:
        return 0
    usual = np.bincount(moves + len(old))
    best = int(usual.argmax())
    return best - len(old) if _FEWEST_MOVED <= usual[best] else 0


def _longest_run(old: _Hashes, new: _Hashes, moved: int) -> tuple[int, int]:
    """The most rows on end that lie `moved` rows from where they lay before."""
    first, last = max(0, -moved), min(len(new), len(new) - moved)
    same = new[first:last] == old[first + moved : last + moved]
    edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    if not starts.size:
        return 0, 0
    longest = int((ends - starts).argmax())
    return first + int(starts[longest]), first + int(ends[longest])
