"""JPEG rects: nothing is decoded before its header agrees with the rect."""

from __future__ import annotations

from typing import Final

import numpy as np
import simplejpeg

from gateway.errors import RfbError
from gateway.rfb.encodings.words import USED, Words, as_words

# ITU-T T.81, table B.1: start of frame, baseline and extended sequential, both Huffman coded.
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def paint_jpeg(data: bytes | memoryview, into: Words) -> None:
    """Paint a rect. Raises: RfbError where the picture is damaged or of another size."""
    # A progressive picture may ask for thousands of passes over all its pixels.
    if _frame(data) not in _SEQUENTIAL:
        raise RfbError("a JPEG is not sequential")
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        if (height, width) != into.shape:
            raise RfbError(f"a JPEG of {width}x{height} in a rect of another size")
        pixels = simplejpeg.decode_jpeg(data, "RGBX")
    except ValueError as error:
        raise RfbError("a JPEG is damaged") from error
    np.bitwise_and(as_words(pixels), USED, out=into)


def _frame(data: bytes | memoryview) -> int:
    """The first start-of-frame marker; 0 where there is none."""
    # ITU-T T.81 §B.1.1: after the start of image, each marker is 0xFF and a type, followed by a U16
    # length that counts itself.
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _FRAMES:
            return data[at + 1]
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0
