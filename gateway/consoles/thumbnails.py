"""Small JPEGs of a live screen, for the wall of sessions."""

from __future__ import annotations

import asyncio
import io

from PIL import Image

from gateway.consoles.picture import Picture
from gateway.errors import NotFound
from gateway.rfb.framebuffer import Pixels

FRESH_SECONDS = 1.0
MAX_WIDTH = 1024
_QUALITY = 70


class Thumbnails:
    """Makes at most one a second of each width, in a thread."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._made: dict[int, tuple[float, bytes]] = {}
        self._making = asyncio.Lock()

    async def get(self, max_width: int) -> bytes:
        """A JPEG of the screen, at most so many pixels wide. Raises: NotFound without a screen."""
        now = asyncio.get_running_loop().time
        # Few widths, whatever is asked for: each is kept.
        width = min(max(64, -(-max_width // 64) * 64), MAX_WIDTH)
        async with self._making:
            at, jpeg = self._made.get(width, (-FRESH_SECONDS, b""))
            if not jpeg or FRESH_SECONDS <= now() - at:
                screen = self._picture.screen
                if screen is None:
                    raise NotFound("there is no picture yet")
                jpeg = await asyncio.to_thread(_jpeg, screen.framebuffer.pixels, width)
                self._made[width] = (now(), jpeg)
            return jpeg

    def forget(self) -> None:
        """Keep nothing of the screen."""
        self._made.clear()


def _jpeg(pixels: Pixels, width: int) -> bytes:
    size = (pixels.shape[1], pixels.shape[0])
    image = Image.frombuffer("RGBX", size, pixels.tobytes(), "raw", "RGBX", 0, 1)
    image.thumbnail((width, width), reducing_gap=2.0)
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
