"""Pixels that name a colour of a palette, one or several to a byte."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.errors import RfbError
from gateway.rfb.encodings.words import Words

_WHOLE: Final = 256
_SHIFTS: Final = {
    bits: np.arange(8 - bits, -1, -bits, dtype=np.uint8) for bits in (1, 2, 4)
}  # most significant bits first


def packed_size(width: int, height: int, bits: int) -> int:
    """The bytes of so many pixels of so many bits; each row begins at a whole byte."""
    return (width * bits + 7) // 8 * height


def paint_packed(data: bytes | memoryview, bits: int, palette: Words, into: Words) -> None:
    """Paint from pixels of 1, 2 or 4 bits. Raises: RfbError for a colour outside the palette."""
    height, width = into.shape
    rows = np.frombuffer(data, np.uint8).reshape(height, (width * bits + 7) // 8)
    if bits == 1:
        indices = np.unpackbits(rows, axis=1, count=width)
    else:
        pixels = (rows[:, :, None] >> _SHIFTS[bits]) & np.uint8((1 << bits) - 1)
        indices = pixels.reshape(height, -1)[:, :width]
    paint_indices(indices, palette, into)


def paint_indices(indices: npt.NDArray[np.uint8], palette: Words, into: Words) -> None:
    """Paint from one index a pixel. Raises: RfbError for a colour outside the palette."""
    if not indices.size:
        return
    if palette.size <= indices.max():
        raise RfbError(f"a pixel names colour {indices.max()} of {palette.size}")
    # "wrap" wraps nothing here; it is the mode that looks up straight into `out`.
    np.take(palette, indices, out=into, mode="wrap")
