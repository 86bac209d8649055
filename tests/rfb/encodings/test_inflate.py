"""One stream through all rects: what each holds, whether stored or deflated, and the work it is."""

from __future__ import annotations

import random
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.encodings.inflate import PIECE, Inflater

HEADER = b"\x78\x01"
FLUSHED = b"\x00\x00\x00\xff\xff"  # a stored block of nothing


def stored(data: bytes) -> bytes:
    """RFC 1951 §3.2.4: flags, U16 length, its complement, the bytes."""
    return b"\x00" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data


def inflated(inflater: Inflater, said: bytes, size: int) -> tuple[bytes, int, int]:
    """What a rect holds, the work that was told, and the most that was asked for at once."""
    reading = inflater.exactly(len(said), size)
    need, at, work, most = next(reading), 0, 0, 0
    try:
        while True:
            work -= min(need, 0)
            most = max(need, most)
            end = at + max(need, 0)
            need, at = reading.send(memoryview(said)[at:end]), end
    except StopIteration as done:
        assert at == len(said)
        return done.value, work, most


BODIES = st.builds(
    lambda seed, times: seed * times, st.binary(max_size=300), st.sampled_from((1, 1, 3, 400))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), BODIES), max_size=6))
def test_a_stream_may_store_and_deflate_in_turns(rects: list[tuple[bool, bytes]]) -> None:
    inflater, said, past = Inflater(), HEADER, b""
    for stores, body in rects:
        if stores:
            blocks = [body[at : at + 0xFFFF] for at in range(0, len(body), 0xFFFF)]
            said += b"".join(map(stored, blocks)) + FLUSHED
        else:
            # What is deflated may repeat what was stored.
            deflate = zlib.compressobj(wbits=-15, zdict=past[-(1 << 15) :])
            said += deflate.compress(body) + deflate.flush(zlib.Z_SYNC_FLUSH)
        assert inflated(inflater, said, len(body))[0] == body
        said, past = b"", past + body


def test_stored_blocks_come_whole_and_are_little_work() -> None:
    body = bytes(range(256)) * 700
    blocks = b"".join(stored(body[at : at + 32_000]) for at in range(0, len(body), 32_000))
    inflater = Inflater()
    for said in (HEADER + blocks + FLUSHED, blocks + FLUSHED):
        data, work, most = inflated(inflater, said, len(body))
        assert data == body
        assert work == most == len(said)


@pytest.mark.parametrize(
    "before", [b"few bytes", bytes(random.Random(1).choices(range(16), k=100_000))]
)
def test_what_only_looks_stored_is_deflated(before: bytes) -> None:
    inflater = Inflater()
    deflate = zlib.compressobj()
    said = deflate.compress(before) + deflate.flush(zlib.Z_SYNC_FLUSH)
    inflated(inflater, said, len(before))
    body = bytes(100)
    assert inflated(inflater, stored(body) + FLUSHED, 100)[1] == 400 * 110
    inflater.begin_anew()
    assert inflated(inflater, HEADER + stored(body) + FLUSHED, 100)[1] == 112


def test_many_blocks_are_inflated_in_pieces() -> None:
    # 32 blocks of 2048 bytes: whoever says so many may as well say 30 000 empty ones
    said = HEADER + stored(bytes(2048)) * 32
    data, work, _ = inflated(Inflater(), said, 32 * 2048)
    assert data == bytes(32 * 2048)
    assert 400 * len(said) <= work


def test_what_is_deflated_is_asked_for_in_pieces() -> None:
    inflater, deflate = Inflater(), zlib.compressobj()
    for body in (b"a rect of few bytes", random.Random(1).randbytes(100_000)):
        said = deflate.compress(body) + deflate.flush(zlib.Z_SYNC_FLUSH)
        data, _, most = inflated(inflater, said, len(body))
        assert data == body
        assert most <= PIECE


@pytest.mark.parametrize("said", [
    HEADER + b"\x00\x04\x00\xfb\xfe" + b"abcd" + FLUSHED,  # not the length's complement
    HEADER + stored(b"abc") + FLUSHED,  # fewer than were announced
    HEADER + stored(b"abcde") + FLUSHED,  # more
    b"\x78\x00" + stored(b"abcd") + FLUSHED,  # no zlib header
    HEADER + stored(b"abcde" * 13_000) + FLUSHED,  # far more
])  # fmt: skip
def test_what_is_not_as_announced_is_refused(said: bytes) -> None:
    with pytest.raises(RfbError):
        inflated(Inflater(), said, 4)
