"""A frame's operations replay exactly, however much the upstream has painted since."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rfb.encodings.words import WORD, Words
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.replay import replayed
from gateway.rfb.wire import Rect

SIDE = 90


def blank() -> Words:
    return np.zeros((SIDE, SIDE), WORD)


def test_a_copy_that_still_holds_stays_a_copy() -> None:
    shown, upstream = blank(), blank()
    shown[:10] = upstream[:10] = upstream[10:20] = 7
    copy = Copy(Rect(0, 10, SIDE, 10), 0, 0)
    assert replayed([copy], shown, upstream) == [copy]


def test_what_is_written_after_a_copy_needs_no_mending() -> None:
    shown, upstream = blank(), blank()
    shown[:10] = upstream[:10] = upstream[10:20] = 7
    upstream[10:12, :4] = 9
    done = [Copy(Rect(0, 10, SIDE, 10), 0, 0), Write(Rect(0, 10, 4, 2))]
    assert replayed(done, shown, upstream) == done


def test_a_copy_that_no_longer_holds_is_mended_where_it_differs() -> None:
    shown, upstream = blank(), blank()
    shown[:10] = upstream[:10] = upstream[10:20] = 7
    upstream[15, 5] = 9
    copy = Copy(Rect(0, 10, SIDE, 10), 0, 0)
    assert replayed([copy], shown, upstream) == [copy, Write(Rect(5, 15, 1, 1))]


def test_a_write_that_changes_nothing_is_dropped() -> None:
    assert replayed([Write(Rect(0, 0, SIDE, SIDE))], blank(), blank()) == []


def test_neighbouring_writes_are_joined() -> None:
    shown, upstream = blank(), blank()
    upstream[:16, :48] = 7
    writes = [Write(Rect(x, 0, 16, 16)) for x in (0, 16, 32)]
    assert replayed(writes, shown, upstream) == [Write(Rect(0, 0, 48, 16))]


def test_writes_are_not_joined_across_a_copy() -> None:
    shown, upstream = blank(), blank()
    upstream[:16, :16] = upstream[40:56, :16] = 7
    upstream[:16, 16:32] = 8
    done = [Write(Rect(0, 0, 16, 16)), Copy(Rect(0, 40, 32, 16), 0, 0), Write(Rect(16, 0, 16, 16))]
    assert replayed(done, shown, upstream) == done


def test_what_reaches_outside_is_cut() -> None:
    shown, upstream = blank(), blank()
    upstream[:] = 7
    done = replayed([Write(Rect(80, 80, 50, 50)), Copy(Rect(200, 0, 5, 5), 0, 0)], shown, upstream)
    assert done == [Write(Rect(80, 80, 10, 10))]


coordinates = st.integers(0, SIDE - 1)


@st.composite
def rects(draw: st.DrawFn) -> Rect:
    x, y = draw(coordinates), draw(coordinates)
    return Rect(x, y, draw(st.integers(1, SIDE - x)), draw(st.integers(1, SIDE - y)))


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    rect = draw(rects())
    if draw(st.booleans()):
        return Write(rect)
    source_x = draw(st.integers(0, SIDE - rect.width))
    return Copy(rect, source_x, draw(st.integers(0, SIDE - rect.height)))


@given(
    asked=st.lists(operations(), max_size=12),
    seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)),
    done_before=st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_whoever_replays_what_was_done_ends_alike(
    asked: list[Operation], seeds: tuple[int, int], done_before: bool
) -> None:
    # Two colours, so that much is equal by chance.
    shown, upstream = (np.random.default_rng(s).integers(0, 2, (SIDE, SIDE), WORD) for s in seeds)
    if done_before:
        # What an honest upstream holds: its own paintings on what viewers have.
        painted = upstream
        upstream = shown.copy()
        for each in asked:
            source = painted if isinstance(each, Write) else upstream
            place = each.rect if isinstance(each, Write) else each.source
            view(upstream, each.rect)[:] = view(source, place).copy()
    viewer = shown.copy()
    done = replayed(asked, shown, upstream)
    for each in done:
        source = shown if isinstance(each, Write) else viewer
        place = each.rect if isinstance(each, Write) else each.source
        view(viewer, each.rect)[:] = view(source, place).copy()
    assert np.array_equal(viewer, shown)
    for each in asked:
        assert np.array_equal(view(shown, each.rect), view(upstream, each.rect))


def view(words: Words, rect: Rect) -> Words:
    return words[rect.y : rect.bottom, rect.x : rect.right]
