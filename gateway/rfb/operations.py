"""What one frame did to the framebuffer, in the order in which it did it."""

from __future__ import annotations

from typing import NamedTuple

from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.wire import Rect

__all__ = ["Copy", "Operation", "Write"]


class Write(NamedTuple):
    """New pixels were painted in `rect`.

    `lossless` says that they are to be sent exactly, however photo-like they look. `content` is the
    same pixels as the upstream said them, where these words can be said again.
    """

    rect: Rect
    lossless: bool = False
    content: TightContent | None = None


class Copy(NamedTuple):
    """The pixels that lay at (`source_x`, `source_y`) now lie in `rect` (RFC 6143 §7.7.2)."""

    rect: Rect
    source_x: int
    source_y: int

    @property
    def source(self) -> Rect:
        """The area that was read; it may overlap `rect`."""
        return Rect(self.source_x, self.source_y, self.rect.width, self.rect.height)


Operation = Write | Copy
