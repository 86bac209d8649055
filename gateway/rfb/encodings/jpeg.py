"""JPEG rects: nothing is decoded before its header agrees with the rect."""

from __future__ import annotations

from typing import Final

import numpy as np
import simplejpeg

from gateway.errors import RfbError
from gateway.rfb.encodings.words import USED, Words, as_words

# ITU-T T.81, table B.1: the markers that matter. A frame is baseline or extended sequential, both
# Huffman coded; before the scan there are tables, comments and application data.
_START_OF_IMAGE: Final = b"\xff\xd8"
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
_SCAN: Final = 0xDA
_TABLES: Final = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_MOST_SEGMENTS: Final = 64


def paint_jpeg(data: bytes | memoryview, into: Words) -> None:
    """Paint a rect. Raises: RfbError where the picture is damaged or of another size."""
    _check_one_pass(data)
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        if (height, width) != into.shape:
            raise RfbError(f"a JPEG of {width}x{height} in a rect of another size")
        pixels = simplejpeg.decode_jpeg(data, "RGBX")
    except ValueError as error:
        raise RfbError("a JPEG is damaged") from error
    np.bitwise_and(as_words(pixels), USED, out=into)


def _check_one_pass(data: bytes | memoryview) -> None:
    """Raises: RfbError unless each pixel is decoded once: by one scan of all components.

    Ten bytes of another scan ask for another pass over all pixels.
    """
    # ITU-T T.81 §B.1.1: after the start of image, each marker is 0xFF and a type, followed by a U16
    # length that counts itself. Decoders also pass over what is no marker: where they and we might
    # not read the same, it is refused.
    components = at = 0
    if data[:2] == _START_OF_IMAGE:
        at = 2
    for _ in range(_MOST_SEGMENTS if at else 0):
        if len(data) < at + 10 or data[at] != 0xFF:
            break
        kind = data[at + 1]
        if kind == _SCAN and components and data[at + 4] == components:
            # §B.2.3: U16 length, U8 number of components.
            return
        if kind in _SEQUENTIAL and not components:
            # §B.2.2: U16 length, U8 precision, U16 lines, U16 samples a line, U8 components.
            components = data[at + 9]
        elif kind not in _TABLES:
            break
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise RfbError("a JPEG is not sequential, in one scan")
