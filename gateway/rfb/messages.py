"""What a viewer says, as values, and what we say to it, as bytes (RFC 6143 §7.5 and §7.6)."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.rfb.encodings.raw_encoder import translate
from gateway.rfb.encodings.rect_header import rect_header
from gateway.rfb.wire import MAX_FENCE, RGBX, Cursor, Encoding, FenceFlags, PixelFormat, Rect

__all__ = [
    "ContinuousUpdates",
    "CutText",
    "EncodingsChanged",
    "Fence",
    "FormatChanged",
    "Initialised",
    "Key",
    "Message",
    "Pointer",
    "PowerRequested",
    "ResizeRequested",
    "UpdateRequested",
    "acknowledgements",
    "bell",
    "cursor_rect",
    "desktop_name_rect",
    "desktop_size_rect",
    "end_of_continuous_updates",
    "extended_desktop_size_rect",
    "extended_key_ack_rect",
    "fence",
    "framebuffer_update",
    "led_state_rect",
    "pointer_shape_rect",
    "server_cut_text",
    "vmware_cursor_rect",
]


@dataclass(frozen=True, slots=True)
class Initialised:
    """The handshake is over (RFC 6143 §7.3.1); ServerInit has been queued."""

    shared: bool


@dataclass(frozen=True, slots=True)
class FormatChanged:
    """SetPixelFormat (RFC 6143 §7.5.1), true colour only."""

    pixel_format: PixelFormat


@dataclass(frozen=True, slots=True)
class EncodingsChanged:
    """SetEncodings (RFC 6143 §7.5.2).

    `new` holds what this viewer never offered before: acknowledge these, once.
    """

    encodings: tuple[int, ...]
    new: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class UpdateRequested:
    """FramebufferUpdateRequest (RFC 6143 §7.5.3); `rect` may reach outside after a resize."""

    incremental: bool
    rect: Rect


@dataclass(frozen=True, slots=True)
class Key:
    """KeyEvent (RFC 6143 §7.5.4), or QEMU's extended one, which bears an XT `scancode`."""

    down: bool
    keysym: int
    scancode: int | None = None


@dataclass(frozen=True, slots=True)
class Pointer:
    """PointerEvent (RFC 6143 §7.5.5); bit n of `buttons` is button n + 1."""

    x: int
    y: int
    buttons: int


@dataclass(frozen=True, slots=True)
class CutText:
    """ClientCutText (RFC 6143 §7.5.6)."""

    text: str


@dataclass(frozen=True, slots=True)
class ContinuousUpdates:
    """EnableContinuousUpdates (rfbproto)."""

    enable: bool
    rect: Rect


@dataclass(frozen=True, slots=True)
class Fence:
    """ClientFence (rfbproto)."""

    flags: FenceFlags
    payload: bytes


@dataclass(frozen=True, slots=True)
class ResizeRequested:
    """SetDesktopSize (rfbproto)."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PowerRequested:
    """An xvp operation (rfbproto): 2 shut down, 3 reboot, 4 reset."""

    operation: int


Message = (
    Initialised
    | FormatChanged
    | EncodingsChanged
    | UpdateRequested
    | Key
    | Pointer
    | CutText
    | ContinuousUpdates
    | Fence
    | ResizeRequested
    | PowerRequested
)

# Message types, server to client.
_FRAMEBUFFER_UPDATE: Final = struct.Struct(">BxH")  # type 0, number of rects
_BELL: Final = b"\x02"
_SERVER_CUT_TEXT: Final = struct.Struct(">B3xI")  # type 3, length
_END_OF_CONTINUOUS_UPDATES: Final = b"\x96"  # type 150
_SERVER_FENCE: Final = struct.Struct(">B3xIB")  # type 248, flags, length of payload

_SCREEN: Final = struct.Struct(">IHHHHI")  # id, x, y, width, height, flags


def framebuffer_update(count: int, rects: bytes) -> bytes:
    """A FramebufferUpdate of `count` rects (RFC 6143 §7.6.1)."""
    return _FRAMEBUFFER_UPDATE.pack(0, count) + rects


def bell() -> bytes:
    """RFC 6143 §7.6.3."""
    return _BELL


def server_cut_text(text: str) -> bytes:
    """RFC 6143 §7.6.4: Latin-1, and lines end in a line feed alone."""
    latin = text.replace("\r\n", "\n").replace("\r", "\n").encode("latin-1", "replace")
    return _SERVER_CUT_TEXT.pack(3, len(latin)) + latin


def fence(flags: FenceFlags, payload: bytes) -> bytes:
    """A ServerFence; `payload` is at most 64 bytes (rfbproto)."""
    if MAX_FENCE < len(payload):
        raise ValueError("a fence carries at most 64 bytes")
    return _SERVER_FENCE.pack(248, flags, len(payload)) + payload


def end_of_continuous_updates() -> bytes:
    """Says that we know continuous updates, or that they have ended (rfbproto)."""
    return _END_OF_CONTINUOUS_UPDATES


def desktop_size_rect(width: int, height: int) -> bytes:
    """RFC 6143 §7.8.2."""
    return rect_header(Rect(0, 0, width, height), Encoding.DESKTOP_SIZE)


def extended_desktop_size_rect(
    width: int, height: int, *, reason: int = 0, status: int = 0
) -> bytes:
    """One screen that fills the framebuffer (rfbproto, ExtendedDesktopSize).

    `reason`: 0 the server's own doing, 1 this viewer asked, 2 another did.
    `status`: 0 done, 1 prohibited, 2 out of resources, 3 invalid layout.
    """
    header = rect_header(Rect(reason, status, width, height), Encoding.EXTENDED_DESKTOP_SIZE)
    # One screen, three bytes of padding; then its id, place, size and flags.
    return header + b"\x01\0\0\0" + _SCREEN.pack(0, 0, 0, width, height, 0)


def extended_key_ack_rect() -> bytes:
    """Tells a viewer that it may send QEMU extended key events (rfbproto)."""
    return rect_header(Rect(0, 0, 0, 0), Encoding.QEMU_EXTENDED_KEY)


def led_state_rect(state: int) -> bytes:
    """Bits 0, 1, 2: Scroll, Num and Caps Lock (rfbproto, QEMU LED state)."""
    return rect_header(Rect(0, 0, 0, 0), Encoding.QEMU_LED_STATE) + bytes([state & 0xFF])


def desktop_name_rect(name: str) -> bytes:
    """A new name, UTF-8 behind its length (rfbproto, DesktopName)."""
    encoded = name.encode()
    return (
        rect_header(Rect(0, 0, 0, 0), Encoding.DESKTOP_NAME)
        + struct.pack(">I", len(encoded))
        + encoded
    )


def cursor_rect(cursor: Cursor | None, pixel_format: PixelFormat = RGBX) -> bytes:
    """Pixels, then a bit mask of what is opaque (RFC 6143 §7.8.1); None is an empty shape."""
    if cursor is None:
        return rect_header(Rect(0, 0, 0, 0), Encoding.CURSOR)
    rgba = np.frombuffer(cursor.rgba, np.uint8).reshape(cursor.height, cursor.width, 4)
    # Each row of the mask is padded to whole bytes; its leftmost pixel is the highest bit.
    mask = np.packbits(128 <= rgba[:, :, 3], axis=1).tobytes()
    return _shape_header(cursor, Encoding.CURSOR) + translate(rgba, pixel_format) + mask


def vmware_cursor_rect(cursor: Cursor | None) -> bytes:
    """The shape as R, G, B, A bytes, whatever the pixel format (rfbproto, VMware Cursor)."""
    # Cursor type 1 is "alpha"; one byte of padding.
    if cursor is None:
        return rect_header(Rect(0, 0, 0, 0), Encoding.VMWARE_CURSOR) + b"\x01\0"
    return _shape_header(cursor, Encoding.VMWARE_CURSOR) + b"\x01\0" + cursor.rgba


def pointer_shape_rect(
    cursor: Cursor | None, offered: Collection[int], pixel_format: PixelFormat = RGBX
) -> bytes | None:
    """The best way to tell a viewer the pointer's shape; None where it offered none.

    noVNC 1.7 takes red for blue in the Cursor encoding (it reads BGRX though it asked for RGBX),
    so VMware's comes first where both are offered.
    """
    if Encoding.VMWARE_CURSOR in offered:
        return vmware_cursor_rect(cursor)
    if Encoding.CURSOR in offered:
        return cursor_rect(cursor, pixel_format)
    return None


def _shape_header(cursor: Cursor, encoding: int) -> bytes:
    # A shape's place is its hot spot.
    return rect_header(Rect(cursor.hot_x, cursor.hot_y, cursor.width, cursor.height), encoding)


def acknowledgements(new: frozenset[int], width: int, height: int) -> bytes:
    """What to say, once, to a viewer that first offers the encodings in `new`.

    The fence has an empty payload: its echo proves that the viewer answers fences.
    """
    rects = []
    if Encoding.QEMU_EXTENDED_KEY in new:
        rects.append(extended_key_ack_rect())
    if Encoding.EXTENDED_DESKTOP_SIZE in new:
        rects.append(extended_desktop_size_rect(width, height))
    said = framebuffer_update(len(rects), b"".join(rects)) if rects else b""
    if Encoding.FENCE in new:
        said += fence(FenceFlags.REQUEST | FenceFlags.SYNC_NEXT, b"")
    if Encoding.CONTINUOUS_UPDATES in new:
        said += end_of_continuous_updates()
    return said
