"""CopyRect, encoded (RFC 6143 §7.7.2)."""

from __future__ import annotations

import struct
from typing import Final

from gateway.rfb.operations import Copy
from gateway.rfb.wire import Encoding

__all__ = ["copy_rect"]

_COPYRECT: Final = struct.Struct(">HHHHiHH")  # x, y, width, height, encoding; source x, source y
_ENCODING: Final = int(Encoding.COPYRECT)


def copy_rect(copy: Copy) -> bytes:
    """A rect that takes its pixels from elsewhere in the viewer's own framebuffer."""
    return _COPYRECT.pack(*copy.rect, _ENCODING, copy.source_x, copy.source_y)
