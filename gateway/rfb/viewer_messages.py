"""Viewers' messages, parsed: every length is checked before it is believed (RFC 6143 §7.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import RfbError
from gateway.rfb.messages import (
    ContinuousUpdates,
    CutText,
    EncodingsChanged,
    Fence,
    FormatChanged,
    Key,
    Message,
    Pointer,
    PowerRequested,
    ResizeRequested,
    UpdateRequested,
)
from gateway.rfb.wire import MAX_CUT_TEXT, MAX_ENCODINGS, MAX_FENCE, FenceFlags, PixelFormat, Rect

__all__ = ["parse_message"]

_SCREEN_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a message looks: its fixed part, how many bytes follow, and what it means.

    `following` raises where the length is out of bounds, before a byte of it has been waited for.
    """

    fixed: struct.Struct
    following: Callable[..., int]
    build: Callable[..., Message]


def parse_message(buffer: bytes | bytearray, start: int = 0) -> tuple[int, Message] | None:
    """The message that begins at `start`, and where the next one does; None if not yet whole.

    Raises: RfbError where it is unknown or out of bounds.
    """
    if len(buffer) <= start:
        return None
    layout = _LAYOUTS.get(buffer[start])
    if layout is None:
        raise RfbError(f"a viewer's message of type {buffer[start]} is unknown")
    middle = start + layout.fixed.size
    if len(buffer) < middle:
        return None
    fields = layout.fixed.unpack_from(buffer, start)
    end = middle + layout.following(*fields)
    if len(buffer) < end:
        return None
    return end, layout.build(*fields, bytes(buffer[middle:end]))


def _nothing(*_fields: Any) -> int:
    return 0


def _pixel_format(packed: bytes, _rest: bytes) -> Message:
    pixel_format = PixelFormat.unpack(packed)
    if not pixel_format.true_colour:
        raise RfbError("colour maps are not supported: ask for true colour")
    return FormatChanged(pixel_format)


def _encodings_size(count: int) -> int:
    if MAX_ENCODINGS < count:
        raise RfbError(f"{count} encodings are too many")
    return 4 * count


def _encodings(count: int, numbers: bytes) -> Message:
    return EncodingsChanged(struct.unpack(f">{count}i", numbers))


def _update_request(incremental: int, x: int, y: int, width: int, height: int, _: bytes) -> Message:
    return UpdateRequested(bool(incremental), Rect(x, y, width, height))


def _key(down: int, keysym: int, _rest: bytes) -> Message:
    return Key(bool(down), keysym)


def _pointer(buttons: int, x: int, y: int, _rest: bytes) -> Message:
    return Pointer(x, y, buttons)


def _cut_text_size(length: int) -> int:
    # rfbproto: a negative length is an extended clipboard message, which we never offered.
    if length < 0:
        raise RfbError("the extended clipboard was not offered")
    if MAX_CUT_TEXT < length:
        raise RfbError(f"a cut text of {length} bytes is too long")
    return length


def _cut_text(_length: int, text: bytes) -> Message:
    return CutText(text.decode("latin-1"))


def _continuous_updates(enable: int, x: int, y: int, width: int, height: int, _: bytes) -> Message:
    return ContinuousUpdates(bool(enable), Rect(x, y, width, height))


def _fence_size(_flags: int, length: int) -> int:
    if MAX_FENCE < length:
        raise RfbError(f"a fence of {length} bytes is too long")
    return length


def _fence(flags: int, _length: int, payload: bytes) -> Message:
    return Fence(FenceFlags(flags), payload)


def _power(_version: int, operation: int, _rest: bytes) -> Message:
    return PowerRequested(operation)


def _screens_size(_width: int, _height: int, screens: int) -> int:
    return _SCREEN_SIZE * screens


def _resize(width: int, height: int, _screens: int, _layout: bytes) -> Message:
    return ResizeRequested(width, height)


def _qemu_size(submessage: int, _down: int, _keysym: int, _scancode: int) -> int:
    if submessage != 0:
        raise RfbError(f"a QEMU message of type {submessage} is not supported")
    return 0


def _qemu_key(_submessage: int, down: int, keysym: int, scancode: int, _rest: bytes) -> Message:
    # A browser that does not know the key says scancode 0.
    return Key(bool(down), keysym, scancode or None)


_LAYOUTS: Final[dict[int, _Layout]] = {
    # RFC 6143 §7.5.1: padding, pixel format.
    0: _Layout(struct.Struct(">x3x16s"), _nothing, _pixel_format),
    # RFC 6143 §7.5.2: padding, number of encodings; the encodings follow.
    2: _Layout(struct.Struct(">xxH"), _encodings_size, _encodings),
    # RFC 6143 §7.5.3: incremental, x, y, width, height.
    3: _Layout(struct.Struct(">xBHHHH"), _nothing, _update_request),
    # RFC 6143 §7.5.4: down, padding, keysym.
    4: _Layout(struct.Struct(">xB2xI"), _nothing, _key),
    # RFC 6143 §7.5.5: buttons, x, y.
    5: _Layout(struct.Struct(">xBHH"), _nothing, _pointer),
    # RFC 6143 §7.5.6: padding, length; the text follows.
    6: _Layout(struct.Struct(">x3xi"), _cut_text_size, _cut_text),
    # rfbproto, EnableContinuousUpdates: enable, x, y, width, height.
    150: _Layout(struct.Struct(">xBHHHH"), _nothing, _continuous_updates),
    # rfbproto, ClientFence: padding, flags, length; the payload follows.
    248: _Layout(struct.Struct(">x3xIB"), _fence_size, _fence),
    # rfbproto, xvp: padding, version, operation.
    250: _Layout(struct.Struct(">xxBB"), _nothing, _power),
    # rfbproto, SetDesktopSize: padding, width, height, number of screens, padding; they follow.
    251: _Layout(struct.Struct(">xxHHBx"), _screens_size, _resize),
    # rfbproto, QEMU extended key: submessage, down, keysym, XT scancode.
    255: _Layout(struct.Struct(">xBHII"), _qemu_size, _qemu_key),
}
