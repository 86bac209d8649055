"""The server's role: handshakes, each message byte by byte, bounds, and any split of the stream."""

from __future__ import annotations

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb import vnc_auth
from gateway.rfb.messages import (
    ContinuousUpdates,
    CutText,
    EncodingsChanged,
    Fence,
    FormatChanged,
    Initialised,
    Key,
    Message,
    Pointer,
    PowerRequested,
    ResizeRequested,
    UpdateRequested,
)
from gateway.rfb.server import ServerConnection
from gateway.rfb.wire import RGBX, FenceFlags, PixelFormat, Rect

CHALLENGE = bytes(range(16))
HELLO_3_8 = b"RFB 003.008\n\x01\x01"  # version, security type None, shared
SERVER_INIT = (
    b"\x03\x20\x02\x58"  # 800x600
    b"\x20\x18"  # 32 bits per pixel, depth 24
    b"\x00\x01"  # little-endian, true colour
    b"\x00\xff\x00\xff\x00\xff"  # maxima
    b"\x00\x08\x10"  # shifts
    b"\x00\x00\x00"  # padding
    b"\x00\x00\x00\x05web01"  # name
)


def running() -> ServerConnection:
    connection = ServerConnection(800, 600, "web01")
    connection.receive_data(HELLO_3_8)
    connection.data_to_send()
    return connection


# Handshakes


def test_version_3_8_without_authentication() -> None:
    connection = ServerConnection(800, 600, "web01")
    assert connection.data_to_send() == b"RFB 003.008\n"
    assert connection.receive_data(b"RFB 003.008\n") == []
    assert connection.data_to_send() == b"\x01\x01"  # one security type: None
    assert connection.receive_data(b"\x01") == []
    assert connection.data_to_send() == b"\x00\x00\x00\x00"  # SecurityResult: OK
    assert not connection.running
    assert connection.receive_data(b"\x00") == [Initialised(shared=False)]
    assert connection.data_to_send() == SERVER_INIT
    assert connection.running


def test_version_3_7_has_no_result_for_none() -> None:
    connection = ServerConnection(800, 600, "web01")
    connection.receive_data(b"RFB 003.007\n\x01\x01")
    assert connection.data_to_send() == b"RFB 003.008\n" + b"\x01\x01" + SERVER_INIT


@pytest.mark.parametrize("version", [b"RFB 003.003\n", b"RFB 003.005\n", b"RFB 002.000\n"])
def test_version_3_3_is_told_its_security_type(version: bytes) -> None:
    connection = ServerConnection(800, 600, "web01")
    connection.receive_data(version + b"\x01")
    assert connection.data_to_send() == b"RFB 003.008\n" + b"\x00\x00\x00\x01" + SERVER_INIT


@pytest.mark.parametrize("version", [b"RFB 003.889\n", b"RFB 004.001\n", b"RFB 005.000\n"])
def test_newer_versions_speak_3_8(version: bytes) -> None:
    connection = ServerConnection(800, 600, "web01")
    assert connection.receive_data(version + b"\x01\x01") == [Initialised(shared=True)]


@pytest.mark.parametrize("said", [b"GET / HTTP/1", b"RFB 003x008\n", b"RFB abc.008\n", bytes(12)])
def test_what_is_not_rfb_is_refused(said: bytes) -> None:
    with pytest.raises(RfbError):
        ServerConnection(800, 600, "web01").receive_data(said)


def test_a_security_type_that_was_not_offered_is_refused() -> None:
    connection = ServerConnection(800, 600, "web01")
    with pytest.raises(RfbError, match="not offered"):
        connection.receive_data(b"RFB 003.008\n\x02")


@pytest.mark.parametrize(
    ("version", "choice", "told"),
    [
        (b"RFB 003.003\n", b"", b"\x00\x00\x00\x02"),
        (b"RFB 003.007\n", b"\x02", b"\x01\x02"),
        (b"RFB 003.008\n", b"\x02", b"\x01\x02"),
    ],
)
def test_the_right_password_opens(version: bytes, choice: bytes, told: bytes) -> None:
    connection = ServerConnection(800, 600, "web01", password="open", challenge=CHALLENGE)
    connection.receive_data(version + choice)
    assert connection.data_to_send() == b"RFB 003.008\n" + told + CHALLENGE
    assert connection.receive_data(vnc_auth.respond(CHALLENGE, "open")) == []
    assert connection.data_to_send() == b"\x00\x00\x00\x00"  # SecurityResult: OK
    assert connection.receive_data(b"\x01") == [Initialised(shared=True)]


@pytest.mark.parametrize(
    ("hello", "last_word"),
    [
        (b"RFB 003.003\n", b"\x00\x00\x00\x01"),
        (b"RFB 003.008\n\x02", b"\x00\x00\x00\x01\x00\x00\x00\x15the password is wrong"),
    ],
)
def test_a_wrong_password_does_not(hello: bytes, last_word: bytes) -> None:
    connection = ServerConnection(800, 600, "web01", password="open", challenge=CHALLENGE)
    connection.receive_data(hello)
    connection.data_to_send()
    with pytest.raises(RfbError, match="password"):
        connection.receive_data(vnc_auth.respond(CHALLENGE, "shut"))
    assert connection.data_to_send() == last_word
    assert not connection.running


def test_a_password_needs_a_challenge() -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        ServerConnection(800, 600, "web01", password="open")


def test_server_init_says_the_size_at_that_time() -> None:
    connection = ServerConnection(800, 600, "web01")
    connection.receive_data(HELLO_3_8[:-1])
    connection.data_to_send()
    connection.width, connection.height = 1024, 768
    connection.receive_data(b"\x01")
    assert connection.data_to_send()[:4] == b"\x04\x00\x03\x00"


# Messages

RGB565 = PixelFormat(16, 16, True, True, 31, 63, 31, 11, 5, 0)
SET_PIXEL_FORMAT = (
    b"\x00" b"\x00\x00\x00"  # type 0, padding
    b"\x10\x10\x01\x01"  # 16 bits per pixel, depth 16, big-endian, true colour
    b"\x00\x1f\x00\x3f\x00\x1f"  # maxima
    b"\x0b\x05\x00"  # shifts
    b"\x00\x00\x00"  # padding
)  # fmt: skip
MESSAGES: list[tuple[bytes, Message]] = [
    (SET_PIXEL_FORMAT, FormatChanged(RGB565)),
    (
        b"\x02" b"\x00" b"\x00\x02"  # type 2, padding, 2 encodings
        b"\x00\x00\x00\x07" b"\xff\xff\xfe\xc8",  # Tight, Fence
        EncodingsChanged((7, -312), frozenset({7, -312})),
    ),
    (
        b"\x03" b"\x01"  # type 3, incremental
        b"\x00\x01\x00\x02\x03\x20\x02\x58",  # x, y, width, height
        UpdateRequested(incremental=True, rect=Rect(1, 2, 800, 600)),
    ),
    (b"\x04\x01\x00\x00\x00\x00\xff\x0d", Key(down=True, keysym=0xFF0D)),  # type 4, down, keysym
    (b"\x05\x81\x00\x0a\x00\x14", Pointer(10, 20, 0x81)),  # type 5, buttons, x, y
    (
        b"\x06" b"\x00\x00\x00" b"\x00\x00\x00\x02" b"a\xe9",  # type 6, padding, length, text
        CutText("aé"),
    ),
    (
        b"\x96" b"\x01"  # type 150, enable
        b"\x00\x00\x00\x00\x03\x20\x02\x58",  # x, y, width, height
        ContinuousUpdates(enable=True, rect=Rect(0, 0, 800, 600)),
    ),
    (
        b"\xf8" b"\x00\x00\x00" b"\x80\x00\x00\x01"  # type 248, padding, flags
        b"\x03" b"abc",  # length, payload
        Fence(FenceFlags.REQUEST | FenceFlags.BLOCK_BEFORE, b"abc"),
    ),
    (b"\xfa\x00\x01\x02", PowerRequested(2)),  # type 250, padding, version, operation
    (
        b"\xfb" b"\x00" b"\x04\x00\x03\x00"  # type 251, padding, 1024x768
        b"\x01" b"\x00"  # one screen, padding
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x03\x00\x00\x00\x00\x00",  # the screen
        ResizeRequested(1024, 768),
    ),
    (
        b"\xff" b"\x00" b"\x00\x01"  # type 255, submessage 0, down
        b"\x00\x00\x00\x61" b"\x00\x00\x00\x1e",  # keysym a, scancode of A
        Key(down=True, keysym=0x61, scancode=0x1E),
    ),
    (
        b"\xff\x00\x00\x00\x00\x00\x00\x61\x00\x00\x00\x00",  # up, scancode unknown
        Key(down=False, keysym=0x61),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "meant"), MESSAGES)
def test_each_message_is_understood(said: bytes, meant: Message) -> None:
    assert running().receive_data(said) == [meant]


@pytest.mark.parametrize(("said", "meant"), MESSAGES)
def test_half_a_message_is_no_message(said: bytes, meant: Message) -> None:
    connection = running()
    for byte in said[:-1]:
        assert connection.receive_data(bytes([byte])) == []
    assert connection.receive_data(said[-1:]) == [meant]


@given(
    chosen=st.lists(st.sampled_from(MESSAGES), max_size=12),
    cuts=st.lists(st.integers(0, 300), max_size=20),
)
def test_any_split_gives_the_same_messages(
    chosen: list[tuple[bytes, Message]], cuts: list[int]
) -> None:
    stream = HELLO_3_8 + b"".join(said for said, _ in chosen)
    whole = ServerConnection(800, 600, "web01")
    expected = whole.receive_data(stream)
    split = ServerConnection(800, 600, "web01")
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    got = []
    for start, end in pairwise(edges):
        got += split.receive_data(memoryview(stream)[start:end])
    assert got == expected
    assert len(expected) == 1 + len(chosen)
    assert split.data_to_send() == whole.data_to_send()


@given(st.binary(max_size=200))
def test_garbage_is_a_message_or_an_rfb_error(garbage: bytes) -> None:
    with suppress(RfbError):
        running().receive_data(garbage)


def test_what_was_said_before_garbage_is_heard() -> None:
    # KeyEvent: type 4, down-flag, 2 bytes of padding, keysym
    press, release = b"\x04\x01\x00\x00\x00\x00\x00\x61", b"\x04\x00\x00\x00\x00\x00\x00\x61"
    connection = running()
    assert connection.receive_data(press + release + b"\x07garbage") == [
        Key(down=True, keysym=0x61, scancode=None),
        Key(down=False, keysym=0x61, scancode=None),
    ]
    assert isinstance(connection.broken, RfbError)
    for said in (b"", press):  # and nothing is heard behind it
        with pytest.raises(RfbError, match="type 7 is unknown"):
            connection.receive_data(said)


def test_the_format_and_the_encodings_are_kept() -> None:
    connection = running()
    assert connection.pixel_format == RGBX
    assert connection.supports(0) and not connection.supports(7)
    assert connection.quality is None
    connection.receive_data(SET_PIXEL_FORMAT)
    connection.receive_data(b"\x02\x00\x00\x02" + struct.pack(">ii", 7, -26))
    assert connection.pixel_format == RGB565
    assert connection.encodings == {7, -26}
    assert connection.supports(7)
    assert connection.quality == 6


def test_an_encoding_is_new_once_only() -> None:
    connection = running()
    connection.receive_data(b"\x02\x00\x00\x01" + struct.pack(">i", -258))
    connection.receive_data(b"\x02\x00\x00\x00")
    (again,) = connection.receive_data(b"\x02\x00\x00\x02" + struct.pack(">ii", -258, -312))
    assert again == EncodingsChanged((-258, -312), frozenset({-312}))


# Bounds


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\x01", "type 1 is unknown"),  # FixColourMapEntries, gone since 3.3
        (b"\x07", "type 7 is unknown"),
        (b"\xfd", "type 253 is unknown"),  # gii
        (b"\x02\x00\x10\x01", "4097 encodings"),
        (b"\x06\x00\x00\x00\x00\x04\x00\x01", "262145 bytes"),
        (b"\x06\x00\x00\x00\xff\xff\xff\xfc", "extended clipboard"),
        (b"\xf8\x00\x00\x00\x00\x00\x00\x00\x41", "65 bytes"),
        (b"\xff\x01" + bytes(10), "QEMU message of type 1"),  # audio
        (b"\x00\x00\x00\x00\x08\x08\x00\x00" + bytes(12), "colour maps"),
        (b"\x00\x00\x00\x00\x18\x18\x00\x01" + bytes(12), "24 bits"),
        (b"\x00\x00\x00\x00\x08\x08\x00\x01\x00\xff\x00\x00\x00\x00\x04" + bytes(5), "fit"),
    ],
)
def test_what_is_out_of_bounds_is_refused_before_it_is_read(said: bytes, why: str) -> None:
    with pytest.raises(RfbError, match=why):
        running().receive_data(said)
