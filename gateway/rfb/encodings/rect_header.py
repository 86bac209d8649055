"""What stands in front of every rect (RFC 6143 §7.6.1)."""

from __future__ import annotations

import struct
from typing import Final

from gateway.rfb.wire import Rect

__all__ = ["rect_header"]

_RECT_HEADER: Final = struct.Struct(">HHHHi")  # x, y, width, height, encoding


def rect_header(rect: Rect, encoding: int) -> bytes:
    """The place, the size and the encoding, in 12 bytes."""
    return _RECT_HEADER.pack(*rect, encoding)
