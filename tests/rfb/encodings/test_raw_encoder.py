"""Raw, in whatever true-colour format a viewer keeps, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.rfb.encodings.raw_encoder import raw_rect, translate
from gateway.rfb.encodings.words import WORD
from gateway.rfb.framebuffer import Pixels
from gateway.rfb.wire import RGBX, PixelFormat

# Two pixels: orange, and white.
PIXELS: Pixels = np.array([[[255, 128, 0, 0], [255, 255, 255, 0]]], np.uint8)

BGRX = PixelFormat(32, 24, False, True, 255, 255, 255, 16, 8, 0)
XRGB = PixelFormat(32, 24, True, True, 255, 255, 255, 16, 8, 0)
DEEP = PixelFormat(32, 30, False, True, 1023, 1023, 1023, 20, 10, 0)
RGB565_BIG = PixelFormat(16, 16, True, True, 31, 63, 31, 11, 5, 0)
RGB565_LITTLE = PixelFormat(16, 16, False, True, 31, 63, 31, 11, 5, 0)
BGR233 = PixelFormat(8, 8, False, True, 7, 7, 3, 0, 3, 6)


@pytest.mark.parametrize(
    ("pixel_format", "expected"),
    [
        (RGBX, b"\xff\x80\x00\x00" b"\xff\xff\xff\x00"),
        (BGRX, b"\x00\x80\xff\x00" b"\xff\xff\xff\x00"),
        (XRGB, b"\x00\xff\x80\x00" b"\x00\xff\xff\xff"),
        # 1023, 514 and 0 of 1023 in ten bits each.
        (DEEP, (1023 << 20 | 514 << 10).to_bytes(4, "little") + b"\xff\xff\xff\x3f"),
        # 31, 32 and 0 in five, six and five bits.
        (RGB565_BIG, b"\xfc\x00" b"\xff\xff"),
        (RGB565_LITTLE, b"\x00\xfc" b"\xff\xff"),
        # 7, 4 and 0 in three, three and two bits from the lowest.
        (BGR233, b"\x27" b"\xff"),
    ],
    ids=["RGBX", "BGRX", "XRGB", "30 bits", "565 big", "565 little", "BGR233"],
)  # fmt: skip
def test_pixels_take_the_viewers_format(pixel_format: PixelFormat, expected: bytes) -> None:
    assert translate(PIXELS, pixel_format) == expected


def test_a_raw_rect_is_a_header_and_pixels() -> None:
    words = PIXELS.view(WORD)[:, :, 0]
    assert raw_rect(words, 5, 6, RGBX) == (
        b"\x00\x05\x00\x06"  # x, y
        b"\x00\x02\x00\x01"  # 2x1
        b"\x00\x00\x00\x00"  # Raw
        b"\xff\x80\x00\x00\xff\xff\xff\x00"
    )


def test_a_part_of_a_picture_is_taken_row_by_row() -> None:
    words = np.arange(16, dtype=WORD).reshape(4, 4)
    rect = raw_rect(words[1:3, 1:3], 0, 0, RGBX)
    assert rect[12:] == b"\x05\0\0\0\x06\0\0\0\x09\0\0\0\x0a\0\0\0"
