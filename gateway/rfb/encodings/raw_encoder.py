"""Raw, encoded: pixels in whatever true-colour format a viewer keeps (RFC 6143 §7.4, §7.7.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gateway.rfb.encodings.rect_header import rect_header
from gateway.rfb.encodings.words import Words
from gateway.rfb.framebuffer import Pixels
from gateway.rfb.wire import RGBX, Encoding, PixelFormat, Rect

__all__ = ["raw_rect", "translate"]


def raw_rect(words: Words, x: int, y: int, pixel_format: PixelFormat) -> bytes:
    """The rect that paints `words` at (`x`, `y`), its header included."""
    height, width = words.shape
    pixels = np.ascontiguousarray(words).view(np.uint8).reshape(height, width, 4)
    header = rect_header(Rect(x, y, width, height), Encoding.RAW)
    return header + translate(pixels, pixel_format)


def translate(pixels: Pixels, pixel_format: PixelFormat) -> bytes:
    """Height x width x 4 RGBX bytes as one pixel after another of `pixel_format`."""
    if pixel_format == RGBX:
        return pixels.tobytes()
    translated = np.zeros(pixels.shape[:2], np.uint32)
    channels = (
        (pixel_format.red_max, pixel_format.red_shift),
        (pixel_format.green_max, pixel_format.green_shift),
        (pixel_format.blue_max, pixel_format.blue_shift),
    )
    for index, (maximum, shift) in enumerate(channels):
        translated |= _scale(maximum, shift)[pixels[:, :, index]]
    order = ">" if pixel_format.big_endian else "<"
    return translated.astype(f"{order}u{pixel_format.bits_per_pixel // 8}").tobytes()


def _scale(maximum: int, shift: int) -> npt.NDArray[np.uint32]:
    """What each of the 256 values of a channel becomes: 255 is `maximum`, rounded to nearest."""
    values = np.arange(256, dtype=np.uint32)
    return (values * np.uint32(maximum) + np.uint32(127)) // np.uint32(255) << np.uint32(shift)
