"""Rects that came whole are painted in one go, which nobody can tell from what comes of it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, FrameReceived
from gateway.rfb.operations import Write
from tests.doubles.serverwords import heard, hello, ready_client, rect, update
from tests.rfb.encodings.painting import compact

WIDTH, HEIGHT = 40, 30
RAW, COPYRECT, ZLIB, TIGHT = 0, 1, 6, 7
BELL = b"\x02"


@dataclass
class Told:
    """What one client made of a stream."""

    events: list[Event]
    contents: list[object]
    pixels: bytes
    answers: bytes
    scrolls: bool
    error: str


def told(stream: bytes, piece: int, work: int = 20_000_000) -> Told:
    client = ClientConnection(work=work)
    client.receive_data(hello(WIDTH, HEIGHT))
    while client.pending:
        client.receive_data(b"")
    events: list[Event] = []
    error = ""
    try:
        for start in range(0, len(stream), piece):
            events += client.receive_data(stream[start : start + piece])
            while client.pending:
                events += client.receive_data(b"")
    except RfbError as refused:
        # Events of the call that failed are nobody's; frames are as many as were whole.
        error = str(refused)
        events = []
    contents = [
        each.content
        for event in events
        if isinstance(event, FrameReceived)
        for each in event.operations
        if isinstance(each, Write)
    ]
    pixels = client.framebuffer.pixels.tobytes()
    return Told(events, contents, pixels, client.data_to_send(), client.says_scrolls, error)


class Server:
    """Says rects in Tight, with streams that go on and begin anew."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.random = np.random.default_rng(draw(st.integers(0, 2**32)))
        self.streams = [zlib.compressobj(draw(st.sampled_from((0, 0, 6)))) for _ in range(4)]
        self.pixels = zlib.compressobj()

    def rect(self) -> bytes:
        draw, random = self.draw, self.random
        width, height = draw(st.integers(1, WIDTH)), draw(st.integers(1, HEIGHT))
        x, y = draw(st.integers(0, WIDTH - width)), draw(st.integers(0, HEIGHT - height))
        area = width * height
        encoding = TIGHT
        match draw(
            st.sampled_from(("raw", "copy", "fill", "bits", "bytes", "rgb", "zlib", "none"))
        ):
            case "raw":
                encoding, body = RAW, random.bytes(4 * area)
            case "copy":
                source = draw(st.integers(0, WIDTH - width)), draw(st.integers(0, HEIGHT - height))
                encoding, body = COPYRECT, struct.pack(">HH", *source)
            case "fill":
                body = bytes([0x80 | self.anew()]) + random.bytes(3)
            case "bits":
                size = (width + 7) // 8 * height
                count = draw(st.sampled_from((2, 2, 2, 1)))
                body = self.palette(count, random.bytes(size) if count == 2 else bytes(size))
            case "bytes":
                count = draw(st.integers(3, 256))
                body = self.palette(count, random.integers(0, count, area, np.uint8).tobytes())
            case "rgb":
                control, said = self.deflated(random.bytes(3 * area))
                # The filter may be said: copy, or gradient.
                body = bytes([control]) + said
                if (way := draw(st.sampled_from((None, 0, 2)))) is not None:
                    body = bytes([control | 0x40, way]) + said
            case "zlib":
                said = flushed(self.pixels, random.bytes(4 * area))
                encoding, body = ZLIB, struct.pack(">I", len(said)) + said
            case _:
                width = 0
                encoding, body = draw(st.sampled_from(((RAW, b""), (COPYRECT, bytes(4)))))
        return rect(x, y, width, height, encoding, body)

    def anew(self) -> int:
        """A bit for each stream that begins anew."""
        if self.draw(st.integers(0, 3)):
            return 0
        which = self.draw(st.integers(0, 15))
        for stream in range(4):
            if which & 1 << stream:
                self.streams[stream] = zlib.compressobj(self.draw(st.sampled_from((0, 1))))
        return which

    def palette(self, count: int, data: bytes) -> bytes:
        control, said = self.deflated(data)
        return bytes([control | 0x40, 1, count - 1]) + self.random.bytes(3 * count) + said

    def deflated(self, data: bytes) -> tuple[int, bytes]:
        """The control byte and what follows; with 12 bytes or more, a length first."""
        control, stream = self.anew(), self.draw(st.integers(0, 3))
        control |= stream << 4
        if len(data) < 12:
            return control, data
        said = flushed(self.streams[stream], data)
        return control, compact(len(said)) + said


def flushed(deflate: zlib._Compress, data: bytes) -> bytes:
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Updates, most of them well formed, and bells between them."""
    server = Server(draw)
    said = b""
    for _ in range(draw(st.integers(1, 3))):
        rects = [server.rect() for _ in range(draw(st.integers(1, 8)))]
        if draw(st.booleans()):
            said += update(*rects, rect(0, 0, 0, 0, -224), count=0xFFFF) + BELL
        else:
            said += update(*rects) + BELL
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(said) - 1))
        said = said[:at] + bytes([draw(st.integers(0, 255))]) + said[at + 1 :]
    return said


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(1, 700))
def test_the_cut_of_a_stream_makes_no_difference(stream: bytes, piece: int) -> None:
    at_once = told(stream, len(stream))
    assert told(stream, 1) == at_once
    assert told(stream, piece) == at_once
    assert told(stream, len(stream), work=1) == at_once


def test_rects_that_came_half_are_counted_once() -> None:
    # 64 screens and the largest one's pixels may be painted in one update, and not one pixel more
    side = 256
    most = (64 * side * side + 33_177_600) // (side * side)
    fill = rect(0, 0, side, side, TIGHT, b"\x80abc")
    for piece in (15, 16 * most):
        client = ready_client(side, side)
        said = update(*[fill] * most)
        events = []
        for start in range(0, len(said), piece):
            events += heard(client, said[start : start + piece])
        assert len(events) == 1
        with pytest.raises(RfbError, match="more than 64 times"):
            heard(client, update(*[fill] * (most + 1)))


def test_whole_rects_are_work() -> None:
    client = ready_client(256, 256)
    # 131 072 units for the pixels of each, and 20 000 000 are done in one go
    client.receive_data(update(*[rect(0, 0, 256, 256, TIGHT, b"\x80abc")] * 300))
    assert client.pending
    assert len(heard(client, b"")) == 1


def test_a_copy_that_came_whole_says_that_the_server_copies() -> None:
    client = ready_client(4, 4)
    assert not client.says_scrolls
    client.receive_data(update(*[rect(0, 0, 2, 2, COPYRECT, b"\0\1\0\1")] * 2))
    assert client.says_scrolls


def test_what_is_whole_is_painted_before_the_rest_has_come() -> None:
    client = ready_client(2, 1)
    client.receive_data(update(count=2) + rect(0, 0, 1, 1, TIGHT, b"\x80\1\2\3"))
    assert client.framebuffer.pixels[0].tolist() == [[1, 2, 3, 0], [0, 0, 0, 0]]
    assert not client.framebuffer.whole


def test_two_updates_are_two_however_alike_a_rect_the_second_looks() -> None:
    client = ready_client(8, 8)
    fill = rect(0, 0, 1, 1, TIGHT, b"\x80abc")
    # as a rect, it would be at 0,2, of 1x1 and in Tight, and the next one's encoding three bytes
    second = update(rect(1, 1, 0, 7, RAW), fill)
    events = heard(client, update(fill, fill) + second)
    assert [len(each.operations) for each in events if isinstance(each, FrameReceived)] == [2, 1]
    assert not client.framebuffer.pixels[2].any()


SOME_OF_EACH = update(
    rect(0, 0, 2, 1, RAW, b"abcdefgh"),
    rect(1, 1, 2, 2, COPYRECT, b"\0\0\0\0"),
    rect(2, 0, 2, 2, TIGHT, b"\x81abc"),
    rect(0, 2, 9, 1, TIGHT, b"\x40\1\1abcdef\xa5\x80"),  # bits, too few to deflate
    rect(0, 3, 2, 1, TIGHT, b"\x40\1\2abcdefghi\1\2"),  # indices
    rect(0, 4, 2, 1, TIGHT, b"\x00abcdef"),
    rect(
        0, 5, 2, 2, TIGHT, b"\x00" + b"\x18\x78\x01\0\x0c\0\xf3\xff" + bytes(12) + b"\0\0\0\xff\xff"
    ),
    rect(0, 7, 1, 1, TIGHT, b"\x80abc"),
)


@pytest.mark.parametrize("cut", range(1, len(SOME_OF_EACH)))
def test_a_cut_anywhere_makes_no_difference(cut: int) -> None:
    clients = ready_client(9, 8), ready_client(9, 8)
    whole = heard(clients[0], SOME_OF_EACH)
    halves = heard(clients[1], SOME_OF_EACH[:cut]) + heard(clients[1], SOME_OF_EACH[cut:])
    assert halves == whole
    assert isinstance(whole[0], FrameReceived)
    assert len(whole[0].operations) == 8
    pixels = [client.framebuffer.pixels.tobytes() for client in clients]
    assert pixels[0] == pixels[1]


@pytest.mark.parametrize("width", [35, 36, 38, 39, 5457, 5458, 16_384])
@pytest.mark.parametrize("height", [1, 4])
def test_lengths_of_one_two_and_three_bytes(width: int, height: int) -> None:
    # stored, with 12 bytes more: 38 and 39 pixels lie around 128 bytes, 5457 and 5458 around 16 384
    client = ready_client(16_384, 5)
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    said = flushed(zlib.compressobj(0), picture.tobytes())
    body = b"\x00" + compact(len(said)) + said
    fill = rect(0, 4, 1, 1, TIGHT, b"\x80abc")
    # what follows is enough for a length that was taken for a longer one
    said = update(fill, rect(0, 0, width, height, TIGHT, body), *[fill] * 2048)
    (frame,) = heard(client, said)
    assert isinstance(frame, FrameReceived)
    assert len(frame.operations) == 2050
    assert (client.framebuffer.pixels[:height, :width, :3] == picture).all()


def test_a_length_that_no_encoder_needs_is_refused() -> None:
    # stored blocks of 65535 bytes and more, where 12 were to come
    said = flushed(zlib.compressobj(0), bytes(70_000))
    body = b"\x00" + compact(len(said)) + said
    client = ready_client(4, 4)
    with pytest.raises(RfbError, match="too many for 12"):
        client.receive_data(update(*[rect(0, 0, 4, 1, TIGHT, body)] * 2))
