"""Raw: the pixels themselves, row by row (RFC 6143 §7.7.1)."""

from __future__ import annotations

import numpy as np

from gateway.rfb.encodings.whole import Whole
from gateway.rfb.encodings.words import USED, Words, words
from gateway.rfb.reader import Reading

_BAND = 256 * 1024


def decode_raw(into: Words) -> Reading[None]:
    """Paint a rect; it lands in place in bands, so that a large one is never held whole."""
    height, width = into.shape
    if not width:
        return
    rows = max(1, _BAND // (4 * width))
    for top in range(0, height, rows):
        band = into[top : top + rows]
        _paint((yield 4 * band.size), band)


def whole_raw(held: memoryview, at: int, into: Words) -> Whole | None:
    """`decode_raw` in one go, where the bytes from `at` on are the whole rect; else None."""
    end = at + 4 * into.size
    if len(held) < end:
        return None
    _paint(held[at:end], into)
    return end, 0, None


def _paint(data: memoryview, into: Words) -> None:
    np.bitwise_and(words(data).reshape(into.shape), USED, out=into)
