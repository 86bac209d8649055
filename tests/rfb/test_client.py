"""What a client does with each message of the server, and what it says (RFC 6143 §7.5, §7.6)."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.client import ClientConnection, offers
from gateway.rfb.events import (
    Bell,
    CursorChanged,
    CutText,
    FrameReceived,
    LedState,
    Renamed,
    Resized,
)
from gateway.rfb.operations import Copy, Write
from gateway.rfb.wire import Cursor, Rect
from tests.doubles.serverwords import heard, hello, ready_client, rect, update

RED, GREEN, BLUE = b"\xff\x00\x00\x00", b"\x00\xff\x00\x00", b"\x00\x00\xff\x00"
# FramebufferUpdateRequest: type 3, incremental, x, y, width, height
ASK_4X3 = b"\x03\x01\x00\x00\x00\x00\x00\x04\x00\x03"
ASK_ALL_OF_4X3 = b"\x03\x00\x00\x00\x00\x00\x00\x04\x00\x03"
ASK_ALL_OF_5X2 = b"\x03\x00\x00\x00\x00\x00\x00\x05\x00\x02"
# EnableContinuousUpdates: type 150, enable, x, y, width, height
STREAM_4X3 = b"\x96\x01\x00\x00\x00\x00\x00\x04\x00\x03"
STREAM_5X2 = b"\x96\x01\x00\x00\x00\x00\x00\x05\x00\x02"


def test_an_update_paints_in_place_and_is_one_frame() -> None:
    client = ready_client(4, 3)
    said = update(
        rect(0, 0, 2, 1, 0, RED + GREEN),  # Raw
        rect(2, 1, 2, 1, 1, b"\x00\x00\x00\x00"),  # CopyRect from 0,0
    )
    assert client.receive_data(said) == [
        FrameReceived((Write(Rect(0, 0, 2, 1)), Copy(Rect(2, 1, 2, 1), 0, 0)))
    ]
    pixels = client.framebuffer.pixels
    assert pixels[0, :2].tobytes() == RED + GREEN
    assert pixels[1, 2:].tobytes() == RED + GREEN
    assert pixels[2].tobytes() == bytes(16)


def test_the_next_update_is_asked_for_as_soon_as_one_begins() -> None:
    client = ready_client(4, 3)
    client.receive_data(update(count=1))
    assert client.data_to_send() == ASK_4X3
    client.receive_data(rect(0, 0, 1, 1, 0, RED))
    assert client.data_to_send() == b""


def test_an_update_that_paints_nothing_is_no_frame() -> None:
    client = ready_client(4, 3)
    assert client.receive_data(update()) == []
    assert client.receive_data(update(rect(0, 0, 0, 3, 0))) == []


def test_the_unused_byte_of_a_pixel_is_zero() -> None:
    client = ready_client(1, 1)
    client.receive_data(update(rect(0, 0, 1, 1, 0, b"\x01\x02\x03\xff")))
    assert client.framebuffer.pixels.tobytes() == b"\x01\x02\x03\x00"


def test_last_rect_ends_an_update_of_unknown_length() -> None:
    client = ready_client(4, 3)
    said = update(rect(0, 0, 1, 1, 0, RED), rect(0, 0, 0, 0, -224), count=0xFFFF)
    assert client.receive_data(said + b"\x02") == [
        FrameReceived((Write(Rect(0, 0, 1, 1)),)),
        Bell(),
    ]


def test_the_next_update_is_not_painted_before_the_last_one_was_looked_at() -> None:
    client = ready_client(4, 3)
    first, second = (update(rect(0, 0, 1, 1, 0, colour)) for colour in (RED, BLUE))
    assert client.framebuffer.whole
    for _ in range(2):
        # What paints nothing may come with it.
        assert len(client.receive_data(first + b"\x02" + second + b"\x02")) == 2
        assert client.pending
        assert client.framebuffer.pixels[0, 0].tobytes() == RED[:3] + b"\0"
        assert client.receive_data(b"")[1:] == [Bell()]
        assert not client.pending
        assert client.framebuffer.pixels[0, 0].tobytes() == BLUE[:3] + b"\0"


def test_a_framebuffer_says_whether_an_update_is_being_painted() -> None:
    client = ready_client(4, 3)
    said = update(rect(0, 0, 1, 1, 0, RED), rect(1, 0, 1, 1, 0, RED))
    client.receive_data(said[:-1])
    assert not client.framebuffer.whole
    client.receive_data(said[-1:])
    assert client.framebuffer.whole


def test_a_frame_that_an_error_swallows_is_not_whole() -> None:
    client = ready_client(4, 3)
    said = update(rect(0, 0, 1, 1, 0, RED)) + b"\x63"  # no message
    with pytest.raises(RfbError, match="unknown"):
        client.receive_data(said)
    assert not client.framebuffer.whole


def test_a_small_rect_that_changes_nothing_is_no_frame() -> None:
    client = ready_client(4, 3)
    said = update(rect(0, 0, 1, 1, 0, RED))
    assert len(client.receive_data(said)) == 1
    assert client.receive_data(said) == []


def test_a_server_that_copies_says_where_its_screen_moves() -> None:
    client = ready_client(4, 3)
    assert not client.says_scrolls
    client.receive_data(update(rect(0, 0, 1, 1, 1, b"\0\1\0\1")))
    assert client.says_scrolls
    other = ready_client(4, 3)
    other.receive_data(b"\x96")  # EndOfContinuousUpdates: it knows them
    assert other.says_scrolls


def test_desktop_size_resizes_and_asks_for_everything() -> None:
    client = ready_client(4, 3)
    client.receive_data(update(rect(3, 0, 1, 1, 0, RED)))
    client.data_to_send()
    said = update(rect(0, 0, 5, 2, -223), rect(4, 1, 1, 1, 0, GREEN))
    assert client.receive_data(said) == [Resized(5, 2), FrameReceived((Write(Rect(4, 1, 1, 1)),))]
    assert client.framebuffer.pixels.shape == (2, 5, 4)
    assert client.framebuffer.pixels[0, 3].tobytes() == RED  # what both sizes share stays
    assert client.framebuffer.pixels[1, 4].tobytes() == GREEN
    assert client.data_to_send() == ASK_4X3 + ASK_ALL_OF_5X2


def test_what_was_painted_before_a_resize_belongs_to_no_frame() -> None:
    client = ready_client(4, 3)
    said = update(rect(3, 2, 1, 1, 0, RED), rect(0, 0, 1, 1, -223))
    assert client.receive_data(said) == [Resized(1, 1)]


# ExtendedDesktopSize: U8 number of screens, padding, and for each an id, a place, a size, flags.
ONE_SCREEN = b"\x01\x00\x00\x00" + struct.pack(">IHHHHI", 1, 0, 0, 5, 2, 0)
TWO_SCREENS = (
    b"\x02\x00\x00\x00"
    + struct.pack(">IHHHHI", 1, 0, 0, 3, 2, 0)
    + struct.pack(">IHHHHI", 2, 3, 0, 2, 2, 0)
)


@pytest.mark.parametrize("screens", [b"\x00\x00\x00\x00", ONE_SCREEN, TWO_SCREENS])
@pytest.mark.parametrize(
    ("reason", "status"),
    [(0, 0), (1, 0), (2, 0), (2, 7)],  # the server's doing, ours and well, another client's
)
def test_extended_desktop_size_resizes(screens: bytes, reason: int, status: int) -> None:
    client = ready_client(4, 3)
    said = update(rect(reason, status, 5, 2, -308, screens))
    assert client.receive_data(said) == [Resized(5, 2)]


def test_a_failed_resize_changes_nothing() -> None:
    client = ready_client(4, 3)
    assert client.receive_data(update(rect(1, 3, 5, 2, -308, ONE_SCREEN))) == []
    assert client.framebuffer.width == 4


def test_the_same_size_again_is_no_event() -> None:
    client = ready_client(4, 3)
    assert client.receive_data(update(rect(0, 0, 4, 3, -223))) == []
    assert client.data_to_send() == ASK_4X3


def test_a_cursor_is_colours_and_a_mask() -> None:
    client = ready_client(4, 3)
    pixels = RED + GREEN + BLUE + RED
    # rows of one byte each: the first pixel only, the second pixel only
    said = update(rect(1, 0, 2, 2, -239, pixels + b"\x80\x40"))
    cursor = Cursor(2, 2, 1, 0, b"\xff\x00\x00\xff" + bytes(4) + bytes(4) + b"\xff\x00\x00\xff")
    assert client.receive_data(said) == [CursorChanged(cursor)]
    assert client.cursor == cursor


def test_an_empty_cursor_is_none() -> None:
    client = ready_client(4, 3)
    assert client.receive_data(update(rect(0, 0, 0, 0, -239))) == [CursorChanged(None)]


def test_a_hot_spot_lies_in_its_cursor() -> None:
    client = ready_client(4, 3)
    client.receive_data(update(rect(9, 9, 1, 1, -239, RED + b"\x80")))
    assert client.cursor is not None
    assert (client.cursor.hot_x, client.cursor.hot_y) == (0, 0)


def test_a_new_name_is_told_once() -> None:
    client = ready_client(4, 3)
    said = update(rect(0, 0, 0, 0, -307, b"\x00\x00\x00\x05web01"))
    assert client.receive_data(said) == [Renamed("web01")]
    assert client.name == "web01"
    assert client.receive_data(said) == []


def test_a_name_is_one_harmless_line() -> None:
    client = ClientConnection()
    client.receive_data(hello(1, 1, b"a\r\n\xff\x1b"))
    assert client.name == "a" + "\ufffd" * 4


def test_the_keyboards_lights() -> None:
    client = ready_client(4, 3)
    assert client.receive_data(update(rect(0, 0, 0, 0, -261, b"\x05"))) == [LedState(5)]


def test_keys_carry_scancodes_once_the_server_takes_them() -> None:
    client = ready_client(4, 3)
    client.send_key(True, 0x61, 0x1E)
    # KeyEvent: type 4, down, padding, keysym
    assert client.data_to_send() == b"\x04\x01\x00\x00\x00\x00\x00\x61"
    client.receive_data(update(rect(0, 0, 0, 0, -258)))
    client.data_to_send()
    assert client.extended_keys
    client.send_key(False, 0x61, 0x1E)
    # QEMU extended key: type 255, 0, U16 down, U32 keysym, U32 scancode
    assert client.data_to_send() == b"\xff\x00\x00\x00\x00\x00\x00\x61\x00\x00\x00\x1e"
    client.send_key(True, 0x61, None)
    assert client.data_to_send() == b"\x04\x01\x00\x00\x00\x00\x00\x61"


def test_a_key_without_a_keysym_needs_the_scancode() -> None:
    client = ready_client(4, 3)
    client.send_key(True, 0, 0x1E)
    assert client.data_to_send() == b""


def test_the_pointer_stays_on_the_screen() -> None:
    client = ready_client(4, 3)
    client.send_pointer(-5, 99, 0x101)
    # PointerEvent: type 5, buttons, x, y
    assert client.data_to_send() == b"\x05\x01\x00\x00\x00\x02"


def test_a_clipboard_is_sent_as_latin_1() -> None:
    client = ready_client(4, 3)
    client.send_cut_text("é\r\n€")
    # ClientCutText: type 6, padding, length
    assert client.data_to_send() == b"\x06\x00\x00\x00\x00\x00\x00\x03\xe9\n?"


def test_a_clipboard_beyond_the_bound_is_cut() -> None:
    client = ready_client(4, 3)
    client.send_cut_text("x" * (256 * 1024 + 1))
    assert len(client.data_to_send()) == 8 + 256 * 1024


def test_nothing_is_typed_before_the_handshake_is_over() -> None:
    client = ClientConnection()
    client.send_key(True, 0x61, None)
    client.send_pointer(0, 0, 1)
    client.send_cut_text("x")
    client.request_update()
    assert client.data_to_send() == b""


def test_a_clipboard_arrives() -> None:
    client = ready_client(4, 3)
    said = b"\x03\x00\x00\x00\x00\x00\x00\x02\xe9!"
    assert client.receive_data(said) == [CutText("é!")]


def test_an_extended_clipboard_is_passed_over() -> None:
    client = ready_client(4, 3)
    # rfbproto: length -6, then flags and the rest
    said = b"\x03\x00\x00\x00\xff\xff\xff\xfa\x01\x00\x00\x01zz\x02"
    assert client.receive_data(said) == [Bell()]


def test_a_colour_map_is_passed_over() -> None:
    client = ready_client(4, 3)
    # type 1, padding, first colour 2, two colours of six bytes
    said = b"\x01\x00\x00\x02\x00\x02" + bytes(12) + b"\x02"
    assert client.receive_data(said) == [Bell()]


def test_a_fence_comes_back_without_what_we_do_not_know() -> None:
    client = ready_client(4, 3)
    # ServerFence: type 248, padding, flags: request and all others, length 3, payload
    client.receive_data(b"\xf8\x00\x00\x00\xff\xff\xff\xff\x03abc")
    assert client.data_to_send() == b"\xf8\x00\x00\x00\x00\x00\x00\x07\x03abc"


def test_a_fence_that_is_an_answer_is_not_answered() -> None:
    client = ready_client(4, 3)
    client.receive_data(b"\xf8\x00\x00\x00\x00\x00\x00\x01\x00")
    assert client.data_to_send() == b""


def test_continuous_updates_are_taken_where_offered() -> None:
    client = ready_client(4, 3)
    client.receive_data(b"\x96")  # EndOfContinuousUpdates: "I know them"
    assert client.continuous_updates
    assert client.data_to_send() == STREAM_4X3
    client.receive_data(update(rect(0, 0, 1, 1, 0, RED)))
    assert client.data_to_send() == b""


def test_continuous_updates_follow_the_size() -> None:
    client = ready_client(4, 3)
    client.receive_data(b"\x96")
    client.data_to_send()
    client.receive_data(update(rect(0, 0, 5, 2, -223)))
    assert client.data_to_send() == ASK_ALL_OF_5X2 + STREAM_5X2


def test_ended_continuous_updates_are_replaced_by_requests() -> None:
    client = ready_client(4, 3)
    client.receive_data(b"\x96\x96")
    assert not client.continuous_updates
    assert client.data_to_send() == STREAM_4X3 + ASK_4X3


def test_more_can_be_asked_for() -> None:
    client = ready_client(4, 3)
    client.request_update(incremental=False)
    assert client.data_to_send() == ASK_ALL_OF_4X3


def test_text_is_asked_for_without_loss() -> None:
    for near, raw in ((True, True), (True, False), (False, False)):
        assert not set(offers(near=near, raw=raw)) & set(range(-32, -22))  # JPEG qualities


def test_a_server_nearby_is_asked_not_to_deflate() -> None:
    near, far = offers(near=True), offers(near=False)
    assert near[:2] == far[:2] == (1, 7)  # CopyRect, Tight
    assert -256 in near  # compression level 0
    assert -254 in far  # level 2
    assert set(near) - set(far) == {-256}


def said_after_first_update(width: int, height: int, *, near: bool, before: bytes = b"") -> bytes:
    """What a client says to a server when that has painted once."""
    client = ClientConnection(near=near)
    client.receive_data(hello(width, height))
    client.receive_data(before)
    client.data_to_send()
    client.receive_data(update(rect(0, 0, 1, 1, 0, RED)))
    return client.data_to_send()


def asks_for_raw(said: bytes) -> bool:
    # SetEncodings: type 2, padding, U16 count; CopyRect, Raw.
    count = len(offers(near=True))
    assert b"\x02\0" not in said or len(said) == 10 + 4 + 4 * count
    return bytes([2, 0, 0, count]) + b"\0\0\0\1\0\0\0\0" in said


def test_raw_is_asked_for_where_tight_would_be_hundreds_of_rects() -> None:
    assert asks_for_raw(said_after_first_update(720, 400, near=True))
    assert not asks_for_raw(said_after_first_update(720, 400, near=False))
    assert not asks_for_raw(said_after_first_update(1280, 800, near=True))
    # EndOfContinuousUpdates: this is TigerVNC's kind
    assert not asks_for_raw(said_after_first_update(720, 400, near=True, before=b"\x96"))


def test_what_is_asked_for_follows_the_size() -> None:
    client = ClientConnection()
    client.receive_data(hello(720, 400))
    client.receive_data(update(rect(0, 0, 1, 1, 0, RED)))
    client.data_to_send()
    heard(client, update(rect(0, 0, 1280, 800, -223)))
    tight_first = bytes([2, 0, 0, len(offers(near=True))]) + b"\0\0\0\1\0\0\0\x07"
    assert tight_first in client.data_to_send()
    heard(client, update(rect(0, 0, 1, 1, 0, RED)))
    assert b"\x02\0" not in client.data_to_send()


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_many_small_rects_are_painted_however_the_stream_is_cut(size: int) -> None:
    whole, cut = ready_client(64, 64), ready_client(64, 64)
    cells = [(x, y) for y in range(0, 64, 4) for x in range(0, 64, 4)]
    painted = [rect(x, y, 4, 4, 0, bytes([x, y, 1, 9]) * 16) for x, y in cells]
    said = update(*painted[:100], rect(0, 0, 8, 8, 1, b"\0\x10\0\x10"), *painted[100:]) + b"\x02"
    events = heard(whole, said)
    pieces = [heard(cut, said[at : at + size]) for at in range(0, len(said), size)]
    assert [event for piece in pieces for event in piece] == events
    assert isinstance(events[0], FrameReceived)
    assert len(events[0].operations) == 257
    assert whole.framebuffer.pixels.tobytes() == cut.framebuffer.pixels.tobytes()
    assert whole.framebuffer.pixels[63, 63].tolist() == [60, 60, 1, 0]


def test_many_small_rects_are_bounded_like_others() -> None:
    client = ready_client(4, 3)
    rects = [rect(0, 0, 4, 3, 0, RED * 12)] * 3
    assert len(client.receive_data(update(*rects))) == 1
    with pytest.raises(RfbError, match="reaches outside"):
        client.receive_data(update(rect(1, 0, 4, 3, 0, RED * 12), rect(0, 0, 1, 1, 0, RED)))


def test_an_unknown_message_is_refused() -> None:
    with pytest.raises(RfbError, match="message type 99"):
        ready_client(4, 3).receive_data(b"\x63")


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(RfbError, match="encoding 4711"):
        ready_client(4, 3).receive_data(update(rect(0, 0, 1, 1, 4711)))


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_a_large_raw_rect_lands_in_bands(width: int, height: int, data: st.DataObject) -> None:
    body = data.draw(st.binary(min_size=4 * width * height, max_size=4 * width * height))
    client = ready_client(10, 10)
    client.receive_data(update(rect(1, 1, width, height, 0, body)))
    expected = np.frombuffer(body, np.uint8).reshape(height, width, 4)[:, :, :3]
    assert (client.framebuffer.pixels[1 : 1 + height, 1 : 1 + width, :3] == expected).all()


def test_a_raw_rect_of_several_bands() -> None:
    body = np.random.default_rng(1).integers(0, 256, (300, 700, 4), np.uint8)
    client = ready_client(701, 301)
    said = update(rect(1, 1, 700, 300, 0, body.tobytes()))
    for start in range(0, len(said), 50_000):
        client.receive_data(said[start : start + 50_000])
    assert (client.framebuffer.pixels[1:, 1:, :3] == body[:, :, :3]).all()


def test_server_init_may_come_with_the_first_message() -> None:
    client = ClientConnection()
    events = client.receive_data(hello(4, 3) + b"\x02")
    assert events[1:] == [Bell()]
