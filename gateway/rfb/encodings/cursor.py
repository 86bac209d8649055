"""Cursor: the shape of the pointer, drawn by the client (RFC 6143 §7.8.1)."""

from __future__ import annotations

import numpy as np

from gateway.errors import RfbError
from gateway.rfb.encodings.words import USED, WORD, words
from gateway.rfb.reader import Reading
from gateway.rfb.wire import MAX_CURSOR_SIDE, Cursor, Rect

# Work of a cursor, and of each of its pixels.
_WORK = 40_000
_PIXEL_WORK = 20
_OPAQUE = np.uint32(0xFF000000)


def decode_cursor(rect: Rect) -> Reading[Cursor | None]:
    """The shape, or None for an empty one; the rect's place is the hot spot. Raises: RfbError."""
    width, height = rect.width, rect.height
    if MAX_CURSOR_SIDE < width or MAX_CURSOR_SIDE < height:
        raise RfbError(f"a cursor of {width}x{height} is too large")
    if not rect.area:
        return None
    # RFC 6143 §7.8.1: the pixels, then a bit mask whose rows begin at whole bytes.
    colours = words((yield 4 * rect.area)).reshape(height, width)
    rows = np.frombuffer((yield (width + 7) // 8 * height), np.uint8).reshape(height, -1)
    mask = np.unpackbits(rows, axis=1, count=width)
    rgba = (((colours & USED) | _OPAQUE) * mask).astype(WORD)
    yield -_WORK - _PIXEL_WORK * rect.area
    return Cursor(width, height, min(rect.x, width - 1), min(rect.y, height - 1), rgba.tobytes())
