"""What we say to viewers, byte by byte."""

from __future__ import annotations

import pytest

from gateway.rfb import messages
from gateway.rfb.wire import RGBX, Cursor, Encoding, FenceFlags, PixelFormat

# Two pixels: red and opaque, green and transparent; the hot spot is the second.
SHAPE = Cursor(2, 1, 1, 0, b"\xff\x00\x00\xff\x00\xff\x00\x00")


def test_a_framebuffer_update_says_how_many_rects_follow() -> None:
    assert messages.framebuffer_update(258, b"rects") == (
        b"\x00"  # type 0
        b"\x00"  # padding
        b"\x01\x02"  # 258 rects
        b"rects"
    )


def test_a_bell_is_one_byte() -> None:
    assert messages.bell() == b"\x02"


def test_cut_text_is_latin_1_with_line_feeds() -> None:
    assert messages.server_cut_text("é\r\n€") == (
        b"\x03"  # type 3
        b"\x00\x00\x00"  # padding
        b"\x00\x00\x00\x03"  # length
        b"\xe9\n?"
    )


def test_a_fence_carries_flags_and_payload() -> None:
    assert messages.fence(FenceFlags.REQUEST | FenceFlags.BLOCK_BEFORE, b"ab") == (
        b"\xf8"  # type 248
        b"\x00\x00\x00"  # padding
        b"\x80\x00\x00\x01"  # flags
        b"\x02"  # length
        b"ab"
    )


def test_a_fence_carries_at_most_64_bytes() -> None:
    with pytest.raises(ValueError, match="64"):
        messages.fence(FenceFlags.REQUEST, bytes(65))


def test_the_end_of_continuous_updates_is_one_byte() -> None:
    assert messages.end_of_continuous_updates() == b"\x96"


def test_a_desktop_size_is_a_rect_without_pixels() -> None:
    assert messages.desktop_size_rect(800, 600) == (
        b"\x00\x00\x00\x00"  # x, y
        b"\x03\x20\x02\x58"  # 800x600
        b"\xff\xff\xff\x21"  # -223
    )


def test_an_extended_desktop_size_has_one_screen() -> None:
    assert messages.extended_desktop_size_rect(800, 600, reason=1, status=3) == (
        b"\x00\x01"  # reason: this viewer asked
        b"\x00\x03"  # status: invalid layout
        b"\x03\x20\x02\x58"  # 800x600
        b"\xff\xff\xfe\xcc"  # -308
        b"\x01"  # number of screens
        b"\x00\x00\x00"  # padding
        b"\x00\x00\x00\x00"  # id
        b"\x00\x00\x00\x00"  # x, y
        b"\x03\x20\x02\x58"  # 800x600
        b"\x00\x00\x00\x00"  # flags
    )


def test_extended_keys_are_acknowledged_by_an_empty_rect() -> None:
    assert messages.extended_key_ack_rect() == bytes(8) + b"\xff\xff\xfe\xfe"  # -258


def test_led_states_are_one_byte() -> None:
    assert messages.led_state_rect(0b100) == bytes(8) + b"\xff\xff\xfe\xfb" + b"\x04"  # -261


def test_a_desktop_name_is_utf_8_behind_its_length() -> None:
    assert (
        messages.desktop_name_rect("wéb")
        == (
            bytes(8) + b"\xff\xff\xfe\xcd"  # -307
            b"\x00\x00\x00\x04" + b"w\xc3\xa9b"
        )
    )


def test_a_cursor_is_pixels_and_a_mask() -> None:
    assert messages.cursor_rect(SHAPE, RGBX) == (
        b"\x00\x01\x00\x00"  # hot spot
        b"\x00\x02\x00\x01"  # 2x1
        b"\xff\xff\xff\x11"  # -239
        b"\xff\x00\x00\xff\x00\xff\x00\x00"  # pixels, the fourth byte unused
        b"\x80"  # mask: the left pixel is opaque; the row is padded to a byte
    )


def test_a_cursor_speaks_the_viewers_pixel_format() -> None:
    rgb565 = PixelFormat(16, 16, True, True, 31, 63, 31, 11, 5, 0)
    rect = messages.cursor_rect(SHAPE, rgb565)
    assert rect[12:] == b"\xf8\x00\x07\xe0" + b"\x80"


def test_no_cursor_is_an_empty_shape() -> None:
    assert messages.cursor_rect(None) == bytes(8) + b"\xff\xff\xff\x11"


def test_vmwares_cursor_bears_its_alpha() -> None:
    assert messages.vmware_cursor_rect(SHAPE) == (
        b"\x00\x01\x00\x00"  # hot spot
        b"\x00\x02\x00\x01"  # 2x1
        b"\x57\x4d\x56\x64"  # 0x574d5664
        b"\x01"  # type: alpha
        b"\x00"  # padding
        b"\xff\x00\x00\xff\x00\xff\x00\x00"  # R, G, B, A
    )
    assert messages.vmware_cursor_rect(None) == bytes(8) + b"\x57\x4d\x56\x64\x01\x00"


def test_a_shape_goes_out_in_the_best_encoding_offered() -> None:
    both = {Encoding.CURSOR, Encoding.VMWARE_CURSOR}
    assert messages.pointer_shape_rect(SHAPE, both) == messages.vmware_cursor_rect(SHAPE)
    assert messages.pointer_shape_rect(SHAPE, {-239}) == messages.cursor_rect(SHAPE)
    assert messages.pointer_shape_rect(SHAPE, {0, 7}) is None


def test_what_is_new_is_acknowledged_in_one_go() -> None:
    new = frozenset({-258, -308, -312, -313, 7})
    assert messages.acknowledgements(new, 2, 1) == (
        messages.framebuffer_update(
            2, messages.extended_key_ack_rect() + messages.extended_desktop_size_rect(2, 1)
        )
        + b"\xf8\x00\x00\x00\x80\x00\x00\x04\x00"  # fence: request, sync next, no payload
        + b"\x96"  # continuous updates are known
    )


def test_nothing_new_is_nothing_said() -> None:
    assert messages.acknowledgements(frozenset({7, 1, 0}), 2, 1) == b""
