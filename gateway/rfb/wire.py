"""Words of the RFB wire: numbers, bounds, rects, pixel formats (RFC 6143, rfbproto)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, NamedTuple

from gateway.errors import RfbError

# Bounds for what the other end may say; a length is checked before it is believed.
MAX_NAME: Final = 4 * 1024
MAX_REASON: Final = 4 * 1024
MAX_CUT_TEXT: Final = 256 * 1024
MAX_PIXELS: Final = 33_177_600  # 7680x4320
MAX_SIDE: Final = 16_384
MAX_ENCODINGS: Final = 4096
INFLATE_SLACK: Final = 64 * 1024
MAX_FENCE: Final = 64  # rfbproto, ClientFence


class Security(IntEnum):
    """RFC 6143 §7.1.2."""

    INVALID = 0
    NONE = 1
    VNC = 2
    VENCRYPT = 19


class VeNCrypt(IntEnum):
    """rfbproto, VeNCrypt: the subtypes with a certificate, the only ones that we take."""

    X509_NONE = 260
    X509_VNC = 261


class Encoding(IntEnum):
    """RFC 6143 §7.7 and registered extensions; negative ones are pseudo-encodings."""

    RAW = 0
    COPYRECT = 1
    RRE = 2
    HEXTILE = 5
    ZLIB = 6
    TIGHT = 7
    ZRLE = 16
    QUALITY_0 = -32  # JPEG quality 0 … 9 are -32 … -23
    QUALITY_9 = -23
    DESKTOP_SIZE = -223
    LAST_RECT = -224
    CURSOR = -239
    COMPRESS_0 = -256  # compression 0 … 9 are -256 … -247
    COMPRESS_9 = -247
    QEMU_EXTENDED_KEY = -258
    QEMU_LED_STATE = -261
    DESKTOP_NAME = -307
    EXTENDED_DESKTOP_SIZE = -308
    FENCE = -312
    CONTINUOUS_UPDATES = -313
    VMWARE_CURSOR = 0x574D5664


class FenceFlags(IntFlag):
    """rfbproto, ClientFence and ServerFence."""

    BLOCK_BEFORE = 1
    BLOCK_AFTER = 2
    SYNC_NEXT = 4
    REQUEST = 1 << 31


class Rect(NamedTuple):
    """A place and a size, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.y + self.height

    def inside(self, width: int, height: int) -> bool:
        """Whether all of it lies in a framebuffer of that size."""
        return 0 <= self.x and 0 <= self.y and self.right <= width and self.bottom <= height


_PIXEL_FORMAT = struct.Struct(">BBBBHHHBBB3x")


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """RFC 6143 §7.4."""

    bits_per_pixel: int
    depth: int
    big_endian: bool
    true_colour: bool
    red_max: int
    green_max: int
    blue_max: int
    red_shift: int
    green_shift: int
    blue_shift: int

    SIZE = _PIXEL_FORMAT.size

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> PixelFormat:
        """Read the 16 bytes of a PIXEL_FORMAT. Raises: RfbError where it describes no pixels."""
        bpp, depth, big, true, *channels = _PIXEL_FORMAT.unpack(data)
        if bpp not in (8, 16, 32):
            raise RfbError(f"a pixel cannot have {bpp} bits")
        pixel_format = cls(bpp, depth, bool(big), bool(true), *channels)
        if pixel_format.true_colour:
            for maximum, shift in zip(channels[:3], channels[3:], strict=True):
                if bpp < shift + maximum.bit_length():
                    raise RfbError("a colour does not fit in its pixel")
        return pixel_format

    def pack(self) -> bytes:
        """The 16 bytes of a PIXEL_FORMAT."""
        return _PIXEL_FORMAT.pack(
            self.bits_per_pixel, self.depth, self.big_endian, self.true_colour,
            self.red_max, self.green_max, self.blue_max,
            self.red_shift, self.green_shift, self.blue_shift,
        )  # fmt: skip

    @property
    def is_888(self) -> bool:
        """Whether Tight sends its pixels as three bytes R, G, B (rfbproto, TPIXEL)."""
        return (
            self.true_colour
            and self.bits_per_pixel == 32
            and self.depth == 24
            and self.red_max == self.green_max == self.blue_max == 255
        )


# What our framebuffers hold: bytes R, G, B, unused. Also what noVNC asks for.
RGBX: Final = PixelFormat(32, 24, False, True, 255, 255, 255, 0, 8, 16)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A pointer shape: `rgba` holds width x height x 4 bytes, alpha 0 or 255."""

    width: int
    height: int
    hot_x: int
    hot_y: int
    rgba: bytes


MAX_CURSOR_SIDE: Final = 512
