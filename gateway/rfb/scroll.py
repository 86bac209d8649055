"""Finding scrolls: upstreams without CopyRect (QEMU) repaint every line when a text moves up."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.rfb.encodings.words import USED, Words
from gateway.rfb.operations import Copy
from gateway.rfb.wire import Rect

__all__ = ["find_scroll"]

_SMALLEST_SIDE: Final = 64
_FEWEST_ROWS: Final = 32
_FEWEST_MOVED: Final = 16
# Some columns tell rows apart; no divisor of a glyph's width, or all might be gaps.
_COLUMN_STEP: Final = 7
_WEIGHTS: Final = np.random.default_rng(7).integers(1, 1 << 32, 16_384, np.uint32) | np.uint32(1)

_Hashes = npt.NDArray[np.uint32]


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


def _row_hashes(words: Words, rect: Rect) -> _Hashes:
    sample = words[rect.y : rect.bottom, rect.x : rect.right : _COLUMN_STEP] & USED
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
