"""A frame's operations replay exactly on what viewers hold, with the pixels of its end."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.words import WORD, Words
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.replay import replayable
from gateway.rfb.wire import Rect

SIDE = 90
RED = TightContent(b"\xff\0\0", b"")


def told(*operations: Operation, copies: bool = True) -> list[Operation]:
    return replayable(operations, SIDE, SIDE, copies=copies)


def contents(operations: list[Operation]) -> list[TightContent | None]:
    return [each.content for each in operations if isinstance(each, Write)]


def test_a_copy_of_what_was_there_before_stays_a_copy() -> None:
    done = [Copy(Rect(0, 10, SIDE, 10), 0, 0), Write(Rect(0, 10, 4, 2))]
    assert told(*done) == done


def test_a_copy_of_what_was_just_written_stays_a_copy() -> None:
    done = [Write(Rect(0, 0, 20, 20)), Copy(Rect(40, 40, 20, 20), 0, 0)]
    assert told(*done) == done


def test_a_copy_of_what_was_copied_stays_a_copy_though_it_is_painted_over() -> None:
    done = [
        Copy(Rect(0, 0, 20, 20), 60, 60),
        Copy(Rect(40, 40, 20, 20), 0, 0),
        Write(Rect(0, 0, 20, 20)),
    ]
    assert told(*done) == done


def test_a_copy_of_what_was_written_and_painted_over_is_a_write() -> None:
    painted_over = Write(Rect(10, 10, 20, 20))
    done = told(Write(Rect(0, 0, 20, 20)), Copy(Rect(40, 40, 20, 20), 0, 0), painted_over)
    assert done == [Write(Rect(0, 0, 20, 20)), Write(Rect(40, 40, 20, 20)), painted_over]


def test_a_copy_that_paints_over_what_was_written_where_it_reads_is_a_write() -> None:
    done = told(Write(Rect(0, 0, 20, 20)), Copy(Rect(10, 0, 20, 20), 0, 0))
    assert done == [Write(Rect(0, 0, 20, 20)), Write(Rect(10, 0, 20, 20))]


def test_where_viewers_hold_other_pixels_nothing_is_copied() -> None:
    assert told(Copy(Rect(0, 10, SIDE, 10), 0, 0), copies=False) == [Write(Rect(0, 10, SIDE, 10))]


def test_neighbouring_writes_are_joined() -> None:
    writes = [Write(Rect(x, 0, 16, 16)) for x in (0, 16, 32)]
    assert told(*writes) == [Write(Rect(0, 0, 48, 16))]


def test_writes_are_not_joined_across_a_copy() -> None:
    done = [Write(Rect(0, 0, 16, 16)), Copy(Rect(0, 40, 32, 16), 40, 0), Write(Rect(16, 0, 16, 16))]
    assert told(*done) == done


def test_content_is_kept_and_not_joined_away() -> None:
    writes = [Write(Rect(0, y, SIDE, 30), content=RED) for y in (0, 30, 60)]
    assert told(*writes) == writes
    mute = [Write(Rect(0, 0, SIDE, 30), content=RED), Write(Rect(0, 30, SIDE, 30))]
    assert told(*mute) == mute


def test_a_page_of_text_is_one_write() -> None:
    text = [TightContent(RED.palette + b"\0\0\0", bytes([at] * 120)) for at in range(9)]
    done = told(*(Write(Rect(0, 10 * at, SIDE, 10), content=text[at]) for at in range(9)))
    assert [each.rect for each in done] == [Rect(0, 0, SIDE, SIDE)]
    assert contents(done)[0] is not None


def test_content_of_small_neighbours_is_joined_away() -> None:
    done = told(*(Write(Rect(x, 0, 16, 16), content=RED) for x in (0, 16)))
    assert done == [Write(Rect(0, 0, 32, 16))]
    assert contents(done) == [None]


def test_content_that_was_painted_over_is_not_said_again() -> None:
    first, second = Write(Rect(0, 0, 60, 60), content=RED), Write(Rect(30, 30, 60, 60), content=RED)
    assert contents(told(first, second)) == [None, RED]
    assert contents(told(first, Copy(Rect(30, 30, 60, 60), 0, 0))) == [None, None]


def test_what_reaches_outside_is_cut() -> None:
    done = told(
        Write(Rect(80, 80, 50, 50), content=RED),
        Copy(Rect(200, 0, 5, 5), 0, 0),
        Copy(Rect(0, 0, 5, 5), 89, 89),
    )
    assert done == [Write(Rect(80, 80, 10, 10)), Write(Rect(0, 0, 5, 5))]
    assert contents(done) == [None, None]


def test_a_flood_is_told_in_whole_tiles() -> None:
    copies = [Copy(Rect(0, 0, 8, 8), 8, 8)] * 33
    assert told(*copies) == [Write(Rect(0, 0, 32, 32))]
    writes = [Write(Rect(x, y, 1, 1)) for x in range(0, SIDE, 4) for y in range(0, SIDE, 4)]
    assert told(*writes) == [Write(Rect(0, 0, SIDE, SIDE))]
    assert told(*[Write(Rect(0, 0, SIDE, SIDE)), Copy(Rect(0, 0, 80, 80), 1, 1)] * 5) == [
        Write(Rect(0, 0, SIDE, SIDE))
    ]


def test_a_flood_that_reaches_outside_ends_at_the_edge() -> None:
    inside, half, outside = Rect(40, 40, 1, 1), Rect(70, 70, 900, 900), Rect(500, 0, 9, 9)
    done = told(*[Write(rect) for rect in (inside, half, outside)] * 100)
    assert done == [Write(Rect(32, 32, 32, 32)), Write(Rect(64, 64, 26, 26))]


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


@given(asked=st.lists(operations(), max_size=12), copies=st.booleans(), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=300)
def test_whoever_replays_what_was_told_ends_alike(
    asked: list[Operation], copies: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    before = random.integers(0, 1 << 24, (SIDE, SIDE), WORD)
    upstream, viewer = before.copy(), before.copy()
    for each in asked:
        into = view(upstream, each.rect)
        if isinstance(each, Copy):
            into[:] = view(upstream, each.source).copy()
        else:
            into[:] = random.integers(0, 1 << 24, into.shape, WORD)
    for each in replayable(asked, SIDE, SIDE, copies=copies):
        source = viewer if isinstance(each, Copy) else upstream
        place = each.source if isinstance(each, Copy) else each.rect
        view(viewer, each.rect)[:] = view(source, place).copy()
    assert np.array_equal(viewer, upstream)


def view(words: Words, rect: Rect) -> Words:
    return words[rect.y : rect.bottom, rect.x : rect.right]


small_rects = st.builds(
    Rect, st.integers(0, 70), st.integers(0, 70), st.integers(1, 20), st.integers(1, 20)
)


@given(asked=st.lists(small_rects, min_size=2, max_size=14))
def test_content_is_said_again_just_where_nothing_was_painted_over_it(asked: list[Rect]) -> None:
    # Unlike each other, so that they are not joined with what they say.
    writes = [
        Write(rect, content=TightContent(bytes([at] * 3), b"")) for at, rect in enumerate(asked)
    ]
    done = told(*writes)
    for at, (rect, content) in enumerate(zip(asked, contents(done), strict=False)):
        if done[at].rect != rect:
            break  # two small ones were joined
        seen = np.zeros((SIDE, SIDE), WORD)
        for later in done[at + 1 :]:
            view(seen, later.rect)[:] = 1
        assert (content is None) == view(seen, rect).any()
