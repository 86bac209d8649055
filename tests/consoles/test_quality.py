"""Which quality a link deserves, and which a viewer insists on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.consoles.quality import (
    FALL_SECONDS,
    FIRST_TRIAL,
    LAST_TRIAL,
    RISE_SECONDS,
    LinkQuality,
    Quality,
    pinned,
)

MBIT = 125_000.0
SHARP, BALANCED, FAST = Quality


def judged(link: LinkQuality, begin: float, seconds: float, **facts: float) -> list[Quality]:
    """What a link of so many `mbit` deserves, asked ten times a second."""
    base, pressed = facts.get("base", 0.05), bool(facts.get("pressed", True))
    return [
        link.judged(facts["mbit"] * MBIT, base, pressed=pressed, now=begin + tick / 10)
        for tick in range(int(seconds * 10) + 1)
    ]


def changes(story: list[Quality]) -> int:
    return sum(one is not other for one, other in pairwise(story))


@pytest.mark.parametrize(
    ("level", "wish"),
    [(0, FAST), (1, FAST), (2, FAST), (3, None), (5, None), (6, None), (7, None), (8, SHARP),
     (9, SHARP)],
)  # fmt: skip
def test_a_level_pins_or_leaves_it_to_the_link(level: int, wish: Quality | None) -> None:
    assert pinned(level) is wish


@pytest.mark.parametrize("mbit", [20, 100, 1000])
@pytest.mark.parametrize("base", [0.0005, 0.1, 0.2, 0.6])
def test_a_good_link_deserves_balance_however_far_and_full(mbit: float, base: float) -> None:
    assert set(judged(LinkQuality(), 0, 60, mbit=mbit, base=base)) == {BALANCED}


def test_a_thin_full_link_gets_fast_pictures_after_a_moment() -> None:
    link = LinkQuality()
    assert set(judged(link, 0, FALL_SECONDS - 0.1, mbit=2, base=0.1)) == {BALANCED}
    assert judged(link, FALL_SECONDS, 20, mbit=2, base=0.1)[1:] == [FAST] * 200


def test_a_thin_link_that_was_never_full_keeps_its_quality() -> None:
    assert set(judged(LinkQuality(), 0, 60, mbit=0.1, pressed=False)) == {BALANCED}


def test_one_late_picture_changes_nothing() -> None:
    link = LinkQuality()
    for begin in range(0, 60, 2):
        assert set(judged(link, begin, 0.8, mbit=1)) == {BALANCED}
        assert set(judged(link, begin + 1, 0.8, mbit=50)) == {BALANCED}


def test_a_link_that_gets_wider_gets_its_quality_back() -> None:
    link = LinkQuality()
    judged(link, 0, 10, mbit=2)
    assert set(judged(link, 10.1, RISE_SECONDS - 0.1, mbit=20)) == {FAST}
    assert set(judged(link, 10.1 + RISE_SECONDS, 60, mbit=20)[1:]) == {BALANCED}


def test_between_the_bounds_nothing_changes() -> None:
    """Whichever it has, a link in between keeps it."""
    assert set(judged(LinkQuality(), 0, 60, mbit=3.5)) == {BALANCED}
    link = LinkQuality()
    judged(link, 0, 5, mbit=2)
    assert set(judged(link, 5.1, 60, mbit=3.5)) == {FAST}


def test_what_was_measured_long_ago_is_tried_again_and_each_time_later() -> None:
    """A hiccup must not spoil the picture for ever, nor a video flap on a link that FAST fits."""
    link, now, waits = LinkQuality(), 0.0, []
    for _ in range(7):
        now += 5
        assert judged(link, now - 5, 5, mbit=1)[-1] is FAST
        idle_since = now
        while link.judged(MBIT, 0.05, pressed=False, now=now) is FAST:
            now += 0.5
        waits.append(now - idle_since)
    assert waits[0] == pytest.approx(FIRST_TRIAL, abs=1)
    assert all(one <= other for one, other in pairwise(waits))
    assert waits[-1] == pytest.approx(LAST_TRIAL, abs=1)


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 0.6), st.booleans(), st.floats(0.01, 0.5)),
        max_size=200,
    )
)
def test_whatever_is_measured_it_does_not_flap(
    story: list[tuple[float, float, bool, float]],
) -> None:
    link, now, seen = LinkQuality(), 0.0, []
    for mbit, base, pressed, pause in story:
        now += pause
        seen.append(link.judged(mbit * MBIT, base, pressed=pressed, now=now))
    assert SHARP not in seen
    assert changes(seen) <= 2 * (1 + now / (FALL_SECONDS + RISE_SECONDS))
