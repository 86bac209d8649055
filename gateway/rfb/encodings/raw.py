"""Raw: the pixels themselves, row by row (RFC 6143 §7.7.1)."""

from __future__ import annotations

import numpy as np

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
        pixels = yield 4 * band.size
        np.bitwise_and(words(pixels).reshape(band.shape), USED, out=band)
