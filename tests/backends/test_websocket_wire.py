"""A byte stream inside a WebSocket: whatever the frames are, the stream is the same."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from base64 import b64encode
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import apply_mask
from websockets.protocol import OPEN
from websockets.uri import WebSocketURI

from gateway.backends import websocket_wire
from gateway.backends.websocket_wire import MAX_FRAME, WebSocketWire, open_websocket
from gateway.backends.wire import Ended, Heard, Wire
from gateway.errors import RfbError, UpstreamError, UpstreamRefused, UpstreamUnreachable

# RFC 6455 §5.2: opcodes.
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """RFC 6455 §5.2, as a server sends it: FIN and opcode, length in 1, 3 or 9 bytes, no mask."""
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + struct.pack(">BH", 126, len(payload)) + payload
    return head + struct.pack(">BQ", 127, len(payload)) + payload


def unmasked(sent: bytes) -> list[tuple[int, bytes]]:
    """A client's frames: opcode and content. Every one must be masked and whole."""
    found = []
    while sent:
        opcode, size, at = sent[0], sent[1], 2
        assert opcode & 0xF0 == 0x80, "FIN, and no extension"
        assert size & 0x80, "a client masks"
        size &= 0x7F
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(sent[2:at], "big")
        mask, payload = sent[at : at + 4], sent[at + 4 : at + 4 + size]
        found.append((opcode & 0xF, bytes(apply_mask(payload, mask))))
        sent = sent[at + 4 + size :]
    return found


class PaperWire:
    """Stands where a `Wire` would: a test says what comes, and looks at what went."""

    def __init__(self) -> None:
        self.near = True
        self.sent = b""
        self.paused = False
        self.waiting: list[bytes] = []
        self.end: list[Exception | None] = []
        self._heard: Heard | None = None
        self._ended: Ended | None = None

    def say(self, data: bytes) -> None:
        self.waiting.append(data)
        self._go_on()

    def finish(self, error: Exception | None = None) -> None:
        self.end.append(error)
        self._go_on()

    def listen(self, heard: Heard, ended: Ended) -> None:
        self._heard, self._ended = heard, ended
        self._go_on()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self._go_on()

    def write(self, data: bytes) -> None:
        self.sent += data

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        if not self.waiting and self.end and self.end[0] is not None:
            raise self.end[0]
        return self.waiting.pop(0) if self.waiting else b""

    def _go_on(self) -> None:
        while self._heard is not None and self.waiting and not self.paused:
            self._heard(self.waiting.pop(0))
        if self._ended is not None and self.end and not self.waiting and not self.paused:
            told, self._ended = self._ended, None
            told(self.end[0])


class Listening:
    """A WebSocket over paper, and what it hands over."""

    def __init__(self, *, listen: bool = True) -> None:
        self.wire = PaperWire()
        protocol = ClientProtocol(
            WebSocketURI(True, "a", 443, "/", ""),
            state=OPEN,
            max_size=(None, MAX_FRAME),
            logger=websocket_wire._SILENT,
        )
        self.stream = WebSocketWire(cast("Wire", self.wire), protocol, bytearray())
        self.heard: list[bytes] = []
        self.ends: list[Exception | None] = []
        self.pausing = False
        if listen:
            self.listen()

    def listen(self) -> None:
        self.stream.listen(self._hear, self.ends.append)

    def _hear(self, data: bytes) -> None:
        assert not self.ends, "nothing comes after the end"
        self.heard.append(data)
        if self.pausing:
            self.stream.pause()

    @property
    def text(self) -> bytes:
        return b"".join(self.heard)

    async def settled(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)


@st.composite
def _stream(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A stream, and frames that hold it: cut anywhere, pings and empty frames between."""
    content = draw(st.binary(max_size=400))
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=12)))
    pieces = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    said, inside = b"", False
    for piece in pieces:
        ends = draw(st.booleans())
        said += frame(CONTINUED if inside else BINARY, piece, fin=ends)
        inside = not ends
        if draw(st.booleans()):
            said += frame(draw(st.sampled_from([PING, PONG])), b"alive")
    return content, said


@given(_stream(), st.data())
def test_any_fragmentation_of_frames_gives_the_same_stream(
    stream: tuple[bytes, bytes], data: st.DataObject
) -> None:
    content, said = stream

    async def check() -> None:
        listening = Listening()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=12)))
        for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True):
            listening.wire.say(said[a:b])
        assert listening.text == content
        assert listening.ends == []

    asyncio.run(check())


@given(_stream())
def test_reading_gives_the_same_stream_as_listening(stream: tuple[bytes, bytes]) -> None:
    content, said = stream

    async def check() -> None:
        one, found = Listening(listen=False), b""
        one.wire.waiting = [bytes([byte]) for byte in said]
        while data := await one.stream.read():
            found += data
        assert found == content
        assert await one.stream.read() == b""

    asyncio.run(check())


async def test_what_was_read_and_what_is_heard_follow_each_other() -> None:
    one = Listening(listen=False)
    one.wire.waiting = [frame(BINARY, b"hand") + frame(BINARY, b"shake"), frame(BINARY, b"first")]
    assert await one.stream.read() == b"handshake"
    one.listen()
    one.wire.say(frame(BINARY, b" then"))
    assert one.heard == [b"first", b" then"]


async def test_a_ping_is_answered_and_not_handed_on() -> None:
    one = Listening()
    one.wire.say(frame(PING, b"are you there"))
    assert unmasked(one.wire.sent) == [(PONG, b"are you there")]
    assert one.heard == []


async def test_text_is_refused_in_its_own_words() -> None:
    one = Listening()
    one.wire.say(frame(BINARY, b"good") + frame(TEXT, b"bad") + frame(BINARY, b"late"))
    assert one.heard == [b"good"]
    (error,) = one.ends
    assert isinstance(error, RfbError)
    assert "speaks text" in str(error)
    assert unmasked(one.wire.sent)[0][0] == CLOSE


@pytest.mark.parametrize("listens", [True, False])
async def test_a_frame_that_is_too_large_is_refused_by_its_header(listens: bool) -> None:
    one = Listening(listen=listens)
    huge = bytes([0x82, 127]) + (MAX_FRAME + 1).to_bytes(8, "big")
    if not listens:
        one.wire.waiting = [huge]
        with pytest.raises(RfbError, match="more than 4194304 bytes"):
            await one.stream.read()
        return
    one.wire.say(huge)
    (error,) = one.ends
    assert isinstance(error, RfbError)
    assert "more than 4194304 bytes" in str(error)


async def test_a_frame_of_the_largest_size_passes() -> None:
    one = Listening()
    content = bytes(MAX_FRAME)
    one.wire.say(frame(BINARY, content))
    await one.settled()
    for _ in range(20):
        await one.settled()
    assert one.text == content


@pytest.mark.parametrize(
    "broken",
    [
        b"\x83\x00",  # opcode 3 is reserved
        b"\xc2\x01a",  # RSV1 without an extension: it would be compressed
        b"\x80\x01a",  # a continuation of nothing
        b"\x82\x81abcda",  # masked, as no server may
        b"\x89\x7e\x00\x80" + bytes(128),  # a ping of more than 125 bytes
        b"\x88\x01a",  # a close code of one byte
        b"\x88\x04\x03\xe8\xff\xfe",  # a reason that is not UTF-8
    ],
)
async def test_a_broken_protocol_ends_it(broken: bytes) -> None:
    one = Listening()
    one.wire.say(frame(BINARY, b"good") + broken + frame(BINARY, b"late"))
    assert one.heard == [b"good"]
    (error,) = one.ends
    assert isinstance(error, RfbError | UpstreamError)


@pytest.mark.parametrize(
    ("code", "why"),
    [(b"\x03\xe8", None), (b"\x03\xe9", None), (b"", None), (b"\x03\xf3", "code 1011")],
)
async def test_a_close_frame_ends_it(code: bytes, why: str | None) -> None:
    one = Listening()
    reason = b"canary-in-the-reason" if code else b""
    one.wire.say(frame(BINARY, b"last") + frame(CLOSE, code + reason) + frame(BINARY, b"late"))
    assert one.heard == [b"last"]
    (error,) = one.ends
    assert str(error).endswith(why) if why else error is None
    assert "canary" not in str(error)
    assert unmasked(one.wire.sent) == [(CLOSE, code + reason)]
    one.stream.write(b"too late")
    assert unmasked(one.wire.sent) == [(CLOSE, code + reason)]
    one.wire.finish()
    assert len(one.ends) == 1


@pytest.mark.parametrize("error", [None, UpstreamError("the connection broke")])
async def test_the_wires_end_is_told(error: Exception | None) -> None:
    one = Listening()
    one.wire.say(frame(BINARY, b"whole") + b"\x82\x09half")
    one.wire.finish(error)
    assert one.text == b"whole"
    assert one.ends == [error]


async def test_a_pause_holds_back_content_and_end() -> None:
    one = Listening()
    one.pausing = True
    one.wire.say(frame(BINARY, b"one "))
    assert one.wire.paused
    one.wire.say(frame(BINARY, b"two") + frame(CLOSE))
    assert (one.text, one.ends) == (b"one ", [])
    one.stream.resume()
    assert (one.text, one.ends) == (b"one two", [])
    one.stream.resume()
    assert one.ends == [None]


@pytest.mark.parametrize("flood", [frame(BINARY), frame(PING), frame(BINARY, b"a")])
async def test_a_flood_of_tiny_frames_lets_others_run(flood: bytes) -> None:
    one = Listening()
    flooding = flood * (64 * 1024) + frame(BINARY, b"end")
    left = [len(flooding)]
    one.wire.say(flooding)
    left.append(len(one.stream._coming))
    while left[-1]:
        assert one.wire.paused, "nothing more is read meanwhile"
        await asyncio.sleep(0)
        left.append(len(one.stream._coming))
    at_once = max(before - after for before, after in pairwise(left))
    assert at_once / len(flood) <= 3072, "frames without a turn for others"
    assert one.text.endswith(b"end")
    assert not one.wire.paused


async def test_a_pause_in_a_flood_holds_the_rest_back() -> None:
    one = Listening()
    one.wire.say(frame(BINARY, b"a") * 8192 + frame(BINARY, b"end"))
    one.stream.pause()
    left, heard = len(one.stream._coming), len(one.heard)
    await one.settled()
    assert (len(one.stream._coming), len(one.heard)) == (left, heard)
    one.stream.resume()
    await one.settled()
    assert one.text == b"a" * 8192 + b"end"


async def test_no_length_of_64_bits_is_ever_sent() -> None:
    """XAPI's relay reads half of it, and takes the rest for the frame."""
    one = Listening()
    one.stream.write(b"x" * 65536)
    assert one.wire.sent[1] & 0x7F == 126
    assert [len(content) for _, content in unmasked(one.wire.sent)] == [65535, 1]


async def test_what_is_written_is_masked_and_cut_into_whole_messages() -> None:
    one = Listening()
    content = bytes(range(256)) * 1000
    one.stream.write(content)
    sent = unmasked(one.wire.sent)
    assert b"".join(payload for _, payload in sent) == content
    assert {opcode for opcode, _ in sent} == {BINARY}
    assert max(len(payload) for _, payload in sent) <= 128 * 1024  # Proxmox takes no more


# The handshake

GOOD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


async def upgraded(*answers: bytes, **how: str) -> WebSocketWire:
    wire = PaperWire()
    wire.waiting = list(answers)
    return await open_websocket(
        cast("Wire", wire), "hv1.example", 8006, "/a?b=c", headers={"X-A": "b"}, **how
    )


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (b"", UpstreamUnreachable, "closed the connection during the handshake"),
        (b"HTTP/1.1 101 ", UpstreamUnreachable, "closed the connection during the handshake"),
        (b"RFB 003.008\r\n", UpstreamRefused, "does not speak WebSocket"),
        (GOOD + b"Sec-WebSocket-Accept: AAAA\r\n\r\n", UpstreamRefused, "not speak WebSocket"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", UpstreamRefused, r"\(200\)"),
        (b"HTTP/1.1 302 F\r\nLocation: https://x/\r\n\r\n", UpstreamRefused, "never followed"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", UpstreamRefused, r"credentials \(401\)"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", UpstreamRefused, "no console at that"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", UpstreamRefused, r"\(502\)"),
        (b"HTTP/1.1 101 S\r\n" + b"X: y\r\n" * 500, UpstreamRefused, "does not speak WebSocket"),
        (b"HTTP/1.1 101 S\r\nX: " + b"y" * 20000, UpstreamRefused, "does not speak WebSocket"),
    ],
)
async def test_an_upgrade_that_is_none_is_told(
    answer: bytes, kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        await upgraded(answer)


class Upgrading(PaperWire):
    """Answers the request for a WebSocket, with something right behind it."""

    def __init__(self, behind: bytes) -> None:
        super().__init__()
        self._behind = behind

    def write(self, data: bytes) -> None:
        super().write(data)
        if data.startswith(b"GET "):
            lines = dict(line.split(": ", 1) for line in data.decode().split("\r\n")[1:] if line)
            # RFC 6455 §4.2.2: the key with a fixed GUID behind it, hashed.
            both = lines["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = b64encode(hashlib.sha1(both.encode()).digest())
            head = GOOD + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            self.waiting.append(head + self._behind)


async def asked(behind: bytes) -> tuple[Upgrading, WebSocketWire]:
    wire = Upgrading(behind)
    stream = await open_websocket(
        cast("Wire", wire), "hv1.example", 8006, "/a?b=c", headers={"X-A": "b"}, subprotocol="vnc"
    )
    return wire, stream


async def test_what_follows_the_handshake_at_once_is_kept() -> None:
    content = bytes(range(256)) * 100
    for listens in (True, False):
        wire, stream = await asked(frame(BINARY, content) + frame(BINARY, b"end"))
        found: list[bytes] = []
        if listens:
            stream.listen(found.append, lambda _: None)
        else:
            found.append(await stream.read())
        while not found[-1].endswith(b"end"):
            found.append(b"" if listens else await stream.read())
            await asyncio.sleep(0)
        assert b"".join(found) == content + b"end"
        request = wire.sent.decode()
        assert request.startswith("GET /a?b=c HTTP/1.1\r\nHost: hv1.example:8006\r\n")
        assert "\r\nX-A: b\r\n" in request
        assert "\r\nSec-WebSocket-Protocol: vnc\r\n" in request
        assert "Sec-WebSocket-Extensions" not in request, "no compression"
        assert "Origin" not in request, "no browser asks"


async def test_the_bound_holds_from_the_first_frame_on() -> None:
    _, stream = await asked(bytes([0x82, 127]) + (MAX_FRAME + 1).to_bytes(8, "big"))
    with pytest.raises(RfbError, match="more than 4194304 bytes"):
        await stream.read()


async def test_nothing_is_said_that_would_end_its_line() -> None:
    with pytest.raises(RfbError, match="cannot be said"):
        await open_websocket(cast("Wire", PaperWire()), "a", 1, "/", headers={"X-A": "b\r\nX-B: c"})


def test_nobody_logs_the_request() -> None:
    logger = websocket_wire._SILENT
    assert not logger.handlers
    assert not any(logger.isEnabledFor(level) for level in range(51))
