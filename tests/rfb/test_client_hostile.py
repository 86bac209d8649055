"""Whatever an upstream says, a client stays within bounds and raises nothing but RFB errors."""

from __future__ import annotations

import contextlib
import struct
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import RfbError, UpstreamRefused
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event
from tests.doubles.serverwords import (
    VERSION_3_8,
    heard,
    hello,
    ready_client,
    rect,
    server_init,
    update,
)

MIB = 1024 * 1024
RAW, COPYRECT, HEXTILE, ZLIB, TIGHT, ZRLE = 0, 1, 5, 6, 7, 16
NAME, CURSOR, SIZE, EXTENDED_SIZE = -307, -239, -223, -308


@contextlib.contextmanager
def within(*, seconds: float, mebibytes: float) -> Iterator[None]:
    """What is done inside takes no more time of the processor and no more memory."""
    tracemalloc.start()
    began = time.thread_time()
    try:
        yield
        took, (_, peak) = time.thread_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took < seconds
    assert peak < mebibytes * MIB


def bomb(size: int) -> bytes:
    """So many zeros, deflated 1029:1."""
    return zlib.compress(bytes(size), 9)


@pytest.mark.parametrize(
    ("width", "height"),
    [(0xFFFF, 0xFFFF), (0, 0), (0, 1), (16_385, 1), (1, 16_385), (16_384, 16_384)],
)
def test_a_framebuffer_out_of_bounds_is_refused(width: int, height: int) -> None:
    with within(seconds=0.1, mebibytes=1), pytest.raises(RfbError, match="out of bounds"):
        ClientConnection().receive_data(hello(width, height))


@pytest.mark.parametrize("said", [
    rect(0, 0, 0xFFFF, 0xFFFF, SIZE),
    rect(0, 0, 0, 0, SIZE),
    rect(0, 0, 0xFFFF, 0xFFFF, EXTENDED_SIZE, bytes(4)),
])  # fmt: skip
def test_a_resize_out_of_bounds_is_refused(said: bytes) -> None:
    client = ready_client(8, 8)
    with within(seconds=0.1, mebibytes=1), pytest.raises(RfbError, match="out of bounds"):
        client.receive_data(update(said))


@pytest.mark.parametrize("encoding", [RAW, COPYRECT, HEXTILE, ZLIB, TIGHT, ZRLE])
@pytest.mark.parametrize(
    "place", [(8, 0, 1, 1), (0, 8, 1, 1), (1, 0, 8, 1), (0, 1, 1, 8), (9, 9, 0, 0),
              (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)],
)  # fmt: skip
def test_a_rect_outside_is_refused(encoding: int, place: tuple[int, int, int, int]) -> None:
    client = ready_client(8, 8)
    with pytest.raises(RfbError, match="outside"):
        client.receive_data(update(rect(*place, encoding, bytes(4))))


@pytest.mark.parametrize("source", [(5, 0), (0, 5), (0xFFFF, 0xFFFF)])
def test_a_copy_from_outside_is_refused(source: tuple[int, int]) -> None:
    client = ready_client(8, 8)
    with pytest.raises(RfbError, match="outside"):
        client.receive_data(update(rect(0, 0, 4, 4, COPYRECT, struct.pack(">HH", *source))))


def test_a_cursor_out_of_bounds_is_refused_before_its_pixels() -> None:
    client = ready_client(8, 8)
    with pytest.raises(RfbError, match="too large"):
        client.receive_data(update(rect(0, 0, 513, 1, CURSOR)))


def test_65535_empty_rects_cost_little() -> None:
    client = ready_client(8, 8)
    said = update(*[rect(0, 0, 0, 0, RAW)] * 0xFFFF)
    with within(seconds=4, mebibytes=4):
        assert heard(client, said) == []


def test_a_huge_raw_rect_is_never_held_whole() -> None:
    client = ready_client(4096, 2048)
    client.receive_data(update(count=1) + rect(0, 0, 4096, 2048, RAW))
    piece = bytes(64 * 1024)
    with within(seconds=5, mebibytes=1):
        for _ in range(4096 * 2048 * 4 // len(piece)):
            events = heard(client, piece)
    assert len(events) == 1


TWO_GIB = b"\x80\x00\x00\x00"


@pytest.mark.parametrize("said", [
    b"RFB 003.003\n" + bytes(4) + TWO_GIB,  # the reason of a refusal, in 3.3
    VERSION_3_8 + b"\x00" + TWO_GIB,  # … in 3.8
    VERSION_3_8 + b"\x01\x01" + b"\x00\x00\x00\x01" + TWO_GIB,  # … after authentication
    VERSION_3_8 + b"\x01\x01" + bytes(4) + server_init(8, 8)[:20] + TWO_GIB,  # the name
    hello(8, 8) + update(rect(0, 0, 0, 0, NAME, TWO_GIB)),  # a new name
    hello(8, 8) + b"\x03\x00\x00\x00" + b"\x7f\xff\xff\xff",  # a clipboard
    hello(8, 8) + b"\x03\x00\x00\x00" + TWO_GIB,  # an extended clipboard of -2 GiB
    hello(8, 8) + update(rect(0, 0, 8, 8, ZLIB, TWO_GIB)),
    hello(8, 8) + update(rect(0, 0, 8, 8, ZRLE, TWO_GIB)),
    hello(8, 8) + update(rect(0, 0, 8, 8, TIGHT, b"\x00" + b"\xff\xff\xff")),  # 4 MiB for 192 bytes
    hello(8, 8) + update(rect(0, 0, 8, 8, TIGHT, b"\x90" + b"\xff\xff\xff")),  # … of JPEG
    hello(8, 8) + b"\xf8\x00\x00\x00" + bytes(4) + b"\x41",  # a fence of 65 bytes
    hello(8, 8) + b"\x01\x00" + b"\xff\xff\xff\xff",  # a colour map beyond its end
])  # fmt: skip
def test_a_length_is_checked_before_it_is_believed(said: bytes) -> None:
    with within(seconds=0.1, mebibytes=2), pytest.raises(RfbError):
        ClientConnection().receive_data(said)


def test_a_whole_colour_map_is_passed_over_in_pieces() -> None:
    client = ready_client(8, 8)
    client.receive_data(b"\x01\x00" + b"\x00\x00\xff\xff")
    with within(seconds=1, mebibytes=1):
        for _ in range(6):
            client.receive_data(bytes(65_535))


def sized(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def compact(data: bytes) -> bytes:
    length = len(data)
    return bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14]) + data


@pytest.mark.parametrize(("encoding", "body"), [
    (ZLIB, sized(bomb(60 * MIB))),
    (ZRLE, sized(bomb(60 * MIB))),
    (TIGHT, b"\x00" + compact(bomb(60 * MIB))),
    (TIGHT, b"\x40\x02" + compact(bomb(60 * MIB))),
    (TIGHT, b"\x40\x01\x01" + bytes(6) + compact(bomb(60 * MIB))),
])  # fmt: skip
def test_a_bomb_goes_off_in_a_small_box(encoding: int, body: bytes) -> None:
    client = ready_client(64, 64)
    with within(seconds=0.5, mebibytes=1), pytest.raises(RfbError, match="inflate"):
        heard(client, update(rect(0, 0, 64, 64, encoding, body)))


@pytest.mark.parametrize("kind", [b"\x80" + bytes(3) + b"\x00", b"\x82" + bytes(6) + b"\x80\x00"])
def test_many_short_runs_do_not_hold_up_the_rest(kind: bytes) -> None:
    """Runs of one pixel over 1 megapixel: some 4 KB on the wire."""
    head, run = (kind[:1], kind[1:]) if kind[0] == 0x80 else (kind[:7], kind[7:])
    data = zlib.compress((head + run * 4096) * 256, 9)
    client = ready_client(1024, 1024)
    with within(seconds=3, mebibytes=16):
        heard(client, update(rect(0, 0, 1024, 1024, ZRLE, sized(data))))


def test_overlapping_subrects_ask_for_no_memory() -> None:
    # 255 subrects of 16x16 in each tile of a rect of 1024x16
    tile = b"\x08\xff" + b"\x00\xff" * 255
    client = ready_client(1024, 16)
    with within(seconds=2, mebibytes=4):
        heard(client, update(rect(0, 0, 1024, 16, HEXTILE, tile * 64)))


def test_a_jpeg_larger_than_its_rect_is_not_decoded() -> None:
    data = simplejpeg.encode_jpeg(np.zeros((4096, 4096, 3), np.uint8), 1)
    client = ready_client(1024, 512)
    with within(seconds=0.5, mebibytes=2), pytest.raises(RfbError, match="another size"):
        client.receive_data(update(rect(0, 0, 1024, 512, TIGHT, b"\x90" + compact(data))))


def outcome(client: ClientConnection, pieces: list[bytes]) -> tuple[list[Event], str, bytes, bytes]:
    """All that can be seen of a client which was told `pieces`."""
    events: list[Event] = []
    error = ""
    try:
        for piece in pieces:
            events += heard(client, piece)
    except (RfbError, UpstreamRefused) as refusal:
        error = str(refusal)
    pixels = client.framebuffer.pixels.tobytes() if client.ready else b""
    return events, error, client.data_to_send(), pixels


def any_rect() -> st.SearchStrategy[bytes]:
    place = st.integers(0, 9)
    encoding = st.sampled_from([0, 1, 5, 6, 7, 16, -223, -224, -239, -258, -261, -307, -308])
    deflated = st.binary(max_size=60).map(zlib.compress)
    body = st.one_of(
        st.binary(max_size=80),
        deflated.map(sized),
        deflated.map(lambda data: b"\x00" + bytes([len(data)]) + data),
        st.tuples(st.sampled_from([b"\x40\x00", b"\x40\x02", b"\x40\x01\x01abcdef"]), deflated).map(
            lambda both: both[0] + bytes([len(both[1])]) + both[1]
        ),
    )
    return st.builds(rect, place, place, place, place, encoding, body)


def any_words() -> st.SearchStrategy[bytes]:
    """Bytes that mostly make sense."""
    message = st.one_of(
        st.lists(any_rect(), max_size=4).map(lambda rects: update(*rects)),
        st.sampled_from([b"\x02", b"\x96", b"\x03\x00\x00\x00\x00\x00\x00\x01x"]),
        st.binary(max_size=20).map(lambda p: b"\xf8" + bytes(3) + TWO_GIB + bytes([len(p)]) + p),
        st.binary(max_size=40),
    )
    return st.lists(message, max_size=6).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(any_words())
@example(update(rect(0, 0, 4, 4, TIGHT, b"\x90\x00")))
@example(update(rect(0, 0, 0, 4, TIGHT, b"\x40\x01\x01" + bytes(6))))
@example(update(rect(0, 0, 4, 0, HEXTILE)))
@example(update(rect(0, 0, 0, 0, ZRLE, sized(b""))))
def test_any_words_end_well_or_in_an_rfb_error(said: bytes) -> None:
    outcome(ready_client(8, 8), [said])


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([None, "secret"]), st.booleans())
def test_any_handshake_ends_well_or_in_an_rfb_error(
    said: bytes, password: str | None, want_tls: bool
) -> None:
    for prefix in (b"", VERSION_3_8, VERSION_3_8 + b"\x03\x01\x02\x13", b"RFB 003.003\n"):
        outcome(ClientConnection(password=password, want_tls=want_tls), [prefix + said])


@settings(deadline=None)
@given(any_words(), st.lists(st.integers(1, 30)))
def test_any_split_gives_the_same_result(said: bytes, sizes: list[int]) -> None:
    said = hello(8, 8) + said
    pieces, rest = [], said
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    whole = outcome(ClientConnection(), [said])
    split = outcome(ClientConnection(), [*pieces, rest])
    bytewise = outcome(ClientConnection(), [bytes([byte]) for byte in said])
    haltingly = outcome(ClientConnection(work=1), [*pieces, rest])
    if whole[1]:  # an error hides the events of its own call: compare all else
        whole, split, bytewise, haltingly = (
            ([], *each[1:]) for each in (whole, split, bytewise, haltingly)
        )
    assert whole == split == bytewise == haltingly
