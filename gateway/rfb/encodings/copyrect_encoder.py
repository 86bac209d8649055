"""CopyRect, encoded (RFC 6143 §7.7.2)."""

from __future__ import annotations

import struct
from typing import Final

from gateway.rfb.encodings.rect_header import rect_header
from gateway.rfb.operations import Copy
from gateway.rfb.wire import Encoding

__all__ = ["copy_rect"]

_SOURCE: Final = struct.Struct(">HH")  # source x, source y


def copy_rect(copy: Copy) -> bytes:
    """A rect that takes its pixels from elsewhere in the viewer's own framebuffer."""
    header = rect_header(copy.rect, Encoding.COPYRECT)
    return header + _SOURCE.pack(copy.source_x, copy.source_y)
