"""Client-to-server messages (RFC 6143 §7.5 and rfbproto)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from gateway.rfb.wire import MAX_CUT_TEXT, PixelFormat

_SET_ENCODINGS: Final = struct.Struct(">BxH")
_UPDATE_REQUEST: Final = struct.Struct(">BBHHHH")
_KEY: Final = struct.Struct(">BBxxI")
_EXTENDED_KEY: Final = struct.Struct(">BBHII")
_POINTER: Final = struct.Struct(">BBHH")
_CUT_TEXT: Final = struct.Struct(">BxxxI")
_CONTINUOUS: Final = struct.Struct(">BBHHHH")
_FENCE: Final = struct.Struct(">BxxxIB")


def set_pixel_format(pixel_format: PixelFormat) -> bytes:
    """RFC 6143 §7.5.1: type 0, 3 bytes of padding, the format."""
    return b"\x00\x00\x00\x00" + pixel_format.pack()


def set_encodings(encodings: Sequence[int]) -> bytes:
    """RFC 6143 §7.5.2: type 2, padding, U16 count, an S32 each, best first."""
    return _SET_ENCODINGS.pack(2, len(encodings)) + struct.pack(f">{len(encodings)}i", *encodings)


def update_request(width: int, height: int, *, incremental: bool) -> bytes:
    """RFC 6143 §7.5.3: type 3, U8 incremental, x, y, width, height."""
    return _UPDATE_REQUEST.pack(3, incremental, 0, 0, width, height)


def key(keysym: int, *, down: bool) -> bytes:
    """RFC 6143 §7.5.4: type 4, U8 down, 2 bytes of padding, U32 keysym."""
    return _KEY.pack(4, down, keysym & 0xFFFFFFFF)


def extended_key(keysym: int, scancode: int, *, down: bool) -> bytes:
    """rfbproto, QEMU Extended Key Event: type 255, 0, U16 down, U32 keysym, U32 scancode."""
    return _EXTENDED_KEY.pack(255, 0, down, keysym & 0xFFFFFFFF, scancode & 0xFFFFFFFF)


def pointer(x: int, y: int, buttons: int) -> bytes:
    """RFC 6143 §7.5.5: type 5, U8 buttons, U16 x, U16 y."""
    return _POINTER.pack(5, buttons, x, y)


def cut_text(text: str) -> bytes:
    """RFC 6143 §7.5.6: type 6, 3 bytes of padding, U32 length, Latin-1 with line feeds alone."""
    data = text.replace("\r\n", "\n").encode("latin-1", "replace")[:MAX_CUT_TEXT]
    return _CUT_TEXT.pack(6, len(data)) + data


def enable_continuous_updates(width: int, height: int) -> bytes:
    """rfbproto, EnableContinuousUpdates: type 150, U8 enable, x, y, width, height."""
    return _CONTINUOUS.pack(150, True, 0, 0, width, height)


def fence(flags: int, payload: bytes | memoryview) -> bytes:
    """rfbproto, ClientFence: type 248, 3 bytes of padding, U32 flags, U8 length, payload."""
    return _FENCE.pack(248, flags, len(payload)) + bytes(payload)
