"""The guest agent's wire, byte by byte, and whatever bytes there may be."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GuestError
from gateway.guests.qga_wire import (
    MAX_REPLY,
    MAX_SKIPPED,
    Failed,
    Replies,
    Returned,
    request,
    sync_request,
)

TOKEN = 90071992547
IN_STEP = b'\xff{"return": 90071992547}\n'
CUTS = st.lists(st.integers(0, 400), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def test_a_request_is_one_line_of_ascii() -> None:
    assert request("guest-exec-status", {"pid": 7}) == (
        b'{"execute": "guest-exec-status", "arguments": {"pid": 7}}\n'
    )
    assert request("x", {"a": "é\n\xff"}) == (
        b'{"execute": "x", "arguments": {"a": "\\u00e9\\n\\u00ff"}}\n'
    )


def test_a_sync_begins_with_the_mark() -> None:
    assert sync_request(5) == (b'\xff{"execute": "guest-sync-delimited", "arguments": {"id": 5}}\n')


def test_replies_come_one_a_line() -> None:
    replies = Replies()
    replies.feed(
        b'{"return": {"pid": 7}}\n\n{"return": {}}\n{"error": {"class": "A", "desc": "b"}}'
    )
    assert replies.take() == Returned({"pid": 7})
    assert replies.take() == Returned({})
    assert replies.take() is None
    replies.feed(b"\n")
    assert replies.take() == Failed("A", "b")


@given(JSON, CUTS)
def test_a_reply_is_the_same_however_it_is_cut(value: object, cuts: list[int]) -> None:
    replies = Replies()
    taken = []
    for piece in pieces(json.dumps({"return": value}).encode() + b"\n", cuts):
        replies.feed(piece)
        taken.append(replies.take())
    assert taken[:-1] == [None] * (len(taken) - 1)
    assert taken[-1] == Returned(value)


# Stale replies are the agent's own lines; noise is anything without our token's line.
STALE = st.sampled_from(
    [b'{"return": {}}\n', b'\xff{"return": 17}\n', b'{"error": {"class": "A", "desc": "b"}}\n',
     b'{"return": {"out-data": "' + b"A" * 300, b"\n", b"\xff", b"\xff\xff\n", b'\xff{"return": 9']
)  # fmt: skip


@given(st.lists(STALE | st.binary(max_size=40), max_size=6), CUTS)
def test_any_noise_before_the_sync_is_dropped(noise: list[bytes], cuts: list[int]) -> None:
    replies = Replies()
    found = []
    for piece in pieces(b"".join(noise) + IN_STEP, cuts):
        replies.feed(piece)
        found.append(replies.take_sync(TOKEN))
    assert found[-1]
    assert True not in found[:-1]
    replies.feed(b'{"return": 1}\n')
    assert replies.take() == Returned(1)


def test_what_follows_the_sync_unasked_answers_nothing() -> None:
    replies = Replies()
    replies.feed(IN_STEP + b'{"return": "planted"}\n')
    assert replies.take_sync(TOKEN)
    replies.feed(b'{"return": "asked for"}\n')
    assert replies.take() == Returned("asked for")


def test_somebody_elses_sync_is_not_ours() -> None:
    replies = Replies()
    for answer in (b'{"return": 90071992548}', b'{"return": "90071992547"}', b"{}"):
        replies.feed(b"\xff" + answer + b"\n")
        assert not replies.take_sync(TOKEN)


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_bytes_of_any_kind_raise_nothing_unforeseen(chunks: list[bytes]) -> None:
    seeking, taking = Replies(), Replies()
    for chunk in chunks:
        seeking.feed(chunk)
        assert not seeking.take_sync(TOKEN)
        taking.feed(chunk)
        try:
            while taking.take() is not None:
                pass
        except GuestError:
            return


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense",
        b"[1]",
        b"{}",
        b"1" * 5000,  # Python reads no integer of so many digits
        b'{"error": "no object"}',
        b'{"error": {"class": 1, "desc": "b"}}',
        b'{"event": "SHUTDOWN"}',
        b"[" * 100_000,
        b'{"return": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"return": 1} trailing',
        b"\xff\xfe",
    ],
)
def test_what_is_no_reply_is_refused(said: bytes) -> None:
    replies = Replies()
    replies.feed(said + b"\n")
    with pytest.raises(GuestError):
        replies.take()


@pytest.mark.parametrize("end", [b"", b'"}\n'])
def test_a_reply_beyond_4_mib_is_refused_before_it_is_read(end: bytes) -> None:
    replies = Replies()
    replies.feed(b'{"return": "' + b"x" * MAX_REPLY + end)
    with pytest.raises(GuestError, match="too large"):
        replies.take()


def test_a_reply_of_nearly_4_mib_is_taken() -> None:
    replies = Replies()
    replies.feed(b'{"return": "' + b"x" * (MAX_REPLY - 100))
    assert replies.take() is None
    replies.feed(b'"}\n')
    assert isinstance(replies.take(), Returned)


def test_endless_noise_is_given_up() -> None:
    replies = Replies()
    with pytest.raises(GuestError, match="nothing but noise"):
        for _ in range(2 + MAX_SKIPPED // 65536):
            replies.feed(b"\xff{" + b"x" * 65534)
            assert not replies.take_sync(TOKEN)
