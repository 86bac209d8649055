"""Tight's gradient filter: each pixel as its difference from a guess (rfbproto, GradientFilter)."""

from __future__ import annotations

import numpy as np

from gateway.rfb.encodings.words import Words, paint_rgb
from gateway.rfb.reader import Reading

# Work of a diagonal, and of each pixel on it.
_DIAGONAL = 40_000
_PIXEL = 60


def paint_gradient(data: bytes | memoryview, into: Words) -> Reading[None]:
    """Paint a rect from differences of three bytes a pixel; it asks for no bytes.

    A pixel needs those to its left and above, so that all pixels on one diagonal can be done at
    once: width + height steps instead of width x height.
    """
    height, width = into.shape
    if not into.size:
        return
    # A border of zeros above and to the left; one row of `flat` is one pixel.
    bordered = np.zeros((height + 1, width + 1, 3), np.int16)
    bordered[1:, 1:] = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    flat, stride = bordered.reshape(-1, 3), width + 1
    for diagonal in range(2, width + height + 1):
        # Row r and column c lie at r x stride + c; one row down and one column left is `width` on.
        first_row = max(1, diagonal - width)
        last_row = min(height, diagonal - 1)
        start = first_row * width + diagonal
        stop = last_row * width + diagonal + 1
        left = flat[start - 1 : stop - 1 : width]
        above = flat[start - stride : stop - stride : width]
        corner = flat[start - stride - 1 : stop - stride - 1 : width]
        guess = np.clip(left + above - corner, 0, 255)
        flat[start:stop:width] = (flat[start:stop:width] + guess) & 0xFF
        yield -_DIAGONAL - _PIXEL * len(guess)
    paint_rgb(bordered[1:, 1:].astype(np.uint8).tobytes(), into)
