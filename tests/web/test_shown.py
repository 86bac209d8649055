"""Time left, as pages say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.shown import SEGMENTS, left, moment, sentence

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "text", "urgency"),
    [
        (480, "8 h 00 min left", "calm"),
        (61, "1 h 01 min left", "calm"),
        (30, "30 min left", "soon"),
        (5, "5 min left", "last"),
        (0, "ended", "last"),
        (-9, "ended", "last"),
    ],
)
def test_time_left_is_said_in_words(minutes: int, text: str, urgency: str) -> None:
    shown = left(NOW + timedelta(minutes=minutes), NOW)
    assert (shown.text, shown.urgency) == (text, urgency)


@given(st.timedeltas(timedelta(hours=-1), timedelta(hours=9)))
def test_what_is_lit_is_what_is_left(remaining: timedelta) -> None:
    lit = left(NOW + remaining, NOW).segments
    hours = min(max(remaining / timedelta(hours=1), 0), SEGMENTS)
    assert sum(lit) / 10 == pytest.approx(hours, abs=0.01)
    assert list(lit) == sorted(lit, reverse=True)


def test_moments_are_told_in_utc_and_say_so() -> None:
    shown = moment(datetime.fromisoformat("2026-11-22T23:30:00+02:00"))
    assert shown.clock == "21:30 UTC"


def test_an_errors_message_becomes_a_sentence() -> None:
    assert sentence("the consent has run out") == "The consent has run out."
