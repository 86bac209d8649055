"""Pixels that name a colour of a palette, one or several to a byte."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.errors import RfbError
from gateway.rfb.encodings.words import Words, words_of_rgb

_BYTES: Final = np.arange(256, dtype=np.uint8)[:, None]
# For pixels of so many bits: what each byte holds, most significant bits first.
_UNPACKED: Final = {
    bits: (_BYTES >> np.arange(8 - bits, -1, -bits, dtype=np.uint8)) & np.uint8((1 << bits) - 1)
    for bits in (1, 2, 4)
}


def packed_size(width: int, height: int, bits: int) -> int:
    """The bytes of so many pixels of so many bits; each row begins at a whole byte."""
    return (width * bits + 7) // 8 * height


def paint_packed(data: bytes | memoryview, bits: int, palette: Words, into: Words) -> None:
    """Paint from pixels of 1, 2 or 4 bits. Raises: RfbError for a colour outside the palette."""
    height, width = into.shape
    if not into.size:
        return
    packed = np.frombuffer(data, np.uint8)
    if palette.size == 1 << bits:
        # Every value names a colour: look up all pixels of a byte at once.
        pixels = palette.take(_UNPACKED[bits]).take(packed, axis=0)
        into[...] = pixels.reshape(height, -1)[:, :width]
    else:
        indices = _UNPACKED[bits].take(packed, axis=0)
        paint_indices(indices.reshape(height, -1)[:, :width], palette, into)


def paint_bits(data: bytes | memoryview, colours: bytes, into: Words) -> None:
    """Paint from pixels of one bit, of two colours R, G, B."""
    height, width = into.shape
    if not into.size:
        return
    pixels = _eight_pixels(colours).take(np.frombuffer(data, np.uint8), axis=0)
    into[...] = pixels.reshape(height, -1)[:, :width]


@lru_cache(maxsize=64)
def _eight_pixels(colours: bytes) -> Words:
    """What each byte of `paint_bits` shows. Text has few pairs of colours, and says them anew."""
    pixels: Words = words_of_rgb(colours).take(_UNPACKED[1])
    return pixels


def paint_indices(indices: npt.NDArray[np.uint8], palette: Words, into: Words) -> None:
    """Paint from one index a pixel. Raises: RfbError for a colour outside the palette."""
    if not indices.size:
        return
    if palette.size <= indices.max():
        raise RfbError(f"a pixel names colour {indices.max()} of {palette.size}")
    # "wrap" wraps nothing here; it is the mode that checks least.
    into[...] = palette.take(indices, mode="wrap")
