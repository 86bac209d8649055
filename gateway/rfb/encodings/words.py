"""Pixels as little-endian words 0x00BBGGRR, and how the wire's three-byte pixels become them."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.rfb.framebuffer import Pixels

# INVARIANT: the unused byte of a pixel that we painted is 0, so that equal pixels are equal words.
Words: TypeAlias = npt.NDArray[np.uint32]
WORD: Final = np.dtype("<u4")
USED: Final = np.uint32(0x00FFFFFF)
# Where so many bytes are worth a second call of numpy.
_LONG: Final = 16 * 1024


def as_words(pixels: Pixels) -> Words:
    """The same memory, height x width words."""
    return pixels.view(WORD)[:, :, 0]


def words(data: bytes | memoryview) -> Words:
    """Four-byte pixels, not copied and not masked."""
    return np.frombuffer(data, WORD)


def words_of_rgb(data: bytes | memoryview) -> Words:
    """Three-byte pixels R, G, B (in our format: Tight's TPIXEL, ZRLE's CPIXEL), masked."""
    count = len(data) // 3
    # Words laid over the bytes three apart: the fourth byte of each is the next pixel's red.
    # So much faster than copying three columns that the padded copy is worth it.
    overlapping: Words = np.ndarray((count,), WORD, bytes(data) + b"\0", 0, (3,))
    return overlapping & USED


def paint_rgb(data: bytes | memoryview, into: Words) -> None:
    """Paint a whole rect from three-byte pixels."""
    height, width = into.shape
    row = 3 * width
    if _LONG < len(data):
        # Only the last pixel lacks a byte behind it: all rows but one need no copy.
        above: Words = np.ndarray((height - 1, width), WORD, data, 0, (row, 3))
        np.bitwise_and(above, USED, out=into[:-1])
        data, into, height = data[-row:], into[-1:], 1
    overlapping: Words = np.ndarray((height, width), WORD, bytes(data) + b"\0", 0, (row, 3))
    np.bitwise_and(overlapping, USED, out=into)
