"""DesktopSize and ExtendedDesktopSize: the framebuffer has another size (rfbproto)."""

from __future__ import annotations

from typing import Final

from gateway.rfb.reader import Reading
from gateway.rfb.wire import Rect

_SCREEN_SIZE: Final = 16
_OUR_OWN_REQUEST = 1


def decode_extended_desktop_size(rect: Rect) -> Reading[tuple[int, int] | None]:
    """The size that the framebuffer has from now on; None where a request to resize failed."""
    # rfbproto, ExtendedDesktopSize: U8 number of screens, 3 bytes of padding, 16 bytes a screen.
    screens, _, _, _ = yield 4
    yield screens * _SCREEN_SIZE
    # The rect's x says why (1: we asked), its y how that went (0: well).
    if rect.x == _OUR_OWN_REQUEST and rect.y != 0:
        return None
    return rect.width, rect.height
