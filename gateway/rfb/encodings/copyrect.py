"""CopyRect: take the pixels from elsewhere in the framebuffer (RFC 6143 §7.7.2)."""

from __future__ import annotations

import struct
from typing import Final

from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy
from gateway.rfb.reader import Reading
from gateway.rfb.wire import Rect

SOURCE: Final = struct.Struct(">HH")


def decode_copyrect(framebuffer: Framebuffer, rect: Rect) -> Reading[Copy]:
    """Copy within the framebuffer. Raises: RfbError where either rect reaches outside."""
    # RFC 6143 §7.7.2: U16 source x, U16 source y.
    source_x, source_y = SOURCE.unpack((yield SOURCE.size))
    framebuffer.copy(rect, source_x, source_y)
    return Copy(rect, source_x, source_y)
