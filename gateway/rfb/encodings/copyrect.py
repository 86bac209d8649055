"""CopyRect: take the pixels from elsewhere in the framebuffer (RFC 6143 §7.7.2)."""

from __future__ import annotations

import struct
from typing import Final

from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy
from gateway.rfb.reader import Reading
from gateway.rfb.wire import Rect

SOURCE: Final = struct.Struct(">HH")
# A larger rect is copied in bands: this much is a screen, and takes about a millisecond.
COPIED_AT_ONCE: Final = 2 * 1024 * 1024
_PIXEL_WORK: Final = 8


def decode_copyrect(framebuffer: Framebuffer, rect: Rect) -> Reading[Copy]:
    """Copy within the framebuffer. Raises: RfbError where either rect reaches outside."""
    # RFC 6143 §7.7.2: U16 source x, U16 source y.
    source_x, source_y = SOURCE.unpack((yield SOURCE.size))
    if rect.area <= COPIED_AT_ONCE:
        framebuffer.copy(rect, source_x, source_y)
    else:
        framebuffer.view(rect)
        framebuffer.view(Rect(source_x, source_y, rect.width, rect.height))
        yield from _copy_in_bands(framebuffer, rect, source_x, source_y)
    return Copy(rect, source_x, source_y)


def _copy_in_bands(
    framebuffer: Framebuffer, rect: Rect, source_x: int, source_y: int
) -> Reading[None]:
    rows = max(1, COPIED_AT_ONCE // rect.width)
    tops = range(0, rect.height, rows)
    # The two may overlap: begin at the end that is copied away from first.
    for top in tops if rect.y <= source_y else reversed(tops):
        band = Rect(rect.x, rect.y + top, rect.width, min(rows, rect.height - top))
        framebuffer.copy(band, source_x, source_y + top)
        yield -_PIXEL_WORK * band.area
