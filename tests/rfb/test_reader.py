"""A parser is handed exactly what it asked for, however the stream was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.reader import LOOK, PEEK, Reader, Reading, skip


def collect(sizes: list[int], into: list[bytes]) -> Reading[None]:
    for size in sizes:
        into.append(bytes((yield size)))


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(1, 20)))
def test_any_split_hands_over_the_same_pieces(sizes: list[int], splits: list[int]) -> None:
    stream = bytes(range(256)) * 10
    stream = stream[: sum(sizes)]
    expected = []
    for at, size in zip([sum(sizes[:n]) for n in range(len(sizes))], sizes, strict=True):
        expected.append(stream[at : at + size])
    pieces: list[bytes] = []
    reader = Reader(collect([*sizes, 1], pieces))
    for size in [*splits, len(stream)]:
        reader.feed(stream[:size])
        stream = stream[size:]
    if any(sizes):
        assert pieces == expected


def test_bytes_after_the_end_are_refused() -> None:
    pieces: list[bytes] = []
    reader = Reader(collect([2], pieces))
    with pytest.raises(RfbError, match="none were expected"):
        reader.feed(b"abc")
    assert pieces == [b"ab"]


def test_bytes_after_the_end_are_refused_in_the_next_piece_too() -> None:
    reader = Reader(collect([3], []))
    reader.feed(b"ab")
    with pytest.raises(RfbError, match="none were expected"):
        reader.feed(b"cd")


def test_after_an_error_nothing_is_read() -> None:
    def fail() -> Reading[None]:
        yield 1
        raise RfbError("no")

    reader = Reader(fail())
    with pytest.raises(RfbError, match="no"):
        reader.feed(b"a")
    with pytest.raises(RfbError, match="none were expected"):
        reader.feed(b"b")


def test_a_reused_buffer_does_not_change_what_is_held() -> None:
    pieces: list[bytes] = []
    reader = Reader(collect([4], pieces))
    buffer = bytearray(b"ab")
    reader.feed(buffer)
    buffer[:] = b"cd"
    reader.feed(memoryview(buffer))
    assert pieces == [b"abcd"]


def test_skipping_holds_no_more_than_a_step() -> None:
    asked = []
    skipping = skip(150, step=64)
    asked.append(next(skipping))
    asked.append(skipping.send(memoryview(b"")))
    asked.append(skipping.send(memoryview(b"")))
    assert asked == [64, 64, 22]


def test_the_owner_may_look_before_any_more_is_parsed() -> None:
    pieces: list[bytes] = []

    def parser() -> Reading[None]:
        while True:
            pieces.append(bytes((yield 1)))
            yield LOOK

    reader = Reader(parser())
    reader.feed(b"abc")
    assert (pieces, reader.paused) == ([b"a"], True)
    reader.feed(b"")
    assert (pieces, reader.paused) == ([b"a", b"b"], True)
    reader.feed(b"d")
    reader.feed(b"")
    assert (pieces, reader.paused) == ([b"a", b"b", b"c", b"d"], True)
    reader.feed(b"")
    assert (pieces, reader.paused) == ([b"a", b"b", b"c", b"d"], False)


def test_a_parser_may_see_what_has_come_and_take_less() -> None:
    seen: list[bytes] = []

    def parser() -> Reading[None]:
        yield 1
        seen.append(bytes((yield PEEK)))
        seen.append(bytes((yield 2)))
        seen.append(bytes((yield PEEK)))
        seen.append(bytes((yield 3)))

    reader = Reader(parser())
    reader.feed(b"abcd")
    assert seen == [b"bcd", b"bc", b"d"]
    reader.feed(b"ef")
    assert seen[-1] == b"def"


def test_what_has_come_is_seen_across_pieces() -> None:
    seen: list[bytes] = []

    def parser() -> Reading[None]:
        yield 3
        seen.append(bytes((yield PEEK)))
        yield 9

    reader = Reader(parser())
    reader.feed(b"ab")
    reader.feed(b"cdef")
    assert seen == [b"def"]


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=20), st.integers(1, 9))
def test_no_more_is_held_than_was_asked_for(pieces: list[bytes], need: int) -> None:
    def parser() -> Reading[None]:
        while True:
            yield need

    reader = Reader(parser())
    for piece in pieces:
        reader.feed(piece)
        assert reader._held < need
        assert sum(map(len, reader._pieces)) == reader._held


def test_a_small_rest_does_not_hold_on_to_a_large_piece() -> None:
    def parser() -> Reading[None]:
        yield 100_000
        yield 100_000

    reader = Reader(parser())
    reader.feed(bytes(100_009))
    (rest,) = reader._pieces
    assert rest == bytes(9)
    assert isinstance(rest, bytes)
