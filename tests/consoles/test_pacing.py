"""What may be on its way to a viewer, judged by links made of arithmetic."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.consoles.pacing import MAX_FENCES, MIN_WINDOW, Allowance, Pace


class Link:
    """A link of fixed speed and delay: what is sent waits its turn, its echo comes back."""

    def __init__(self, bytes_per_second: float, delay: float) -> None:
        self.bandwidth, self.delay = bytes_per_second, delay
        self.free_at = 0.0
        self.echoes: deque[tuple[float, int]] = deque()

    def carry(self, size: int, fence: int, now: float) -> None:
        self.free_at = max(self.free_at, now) + size / self.bandwidth
        self.echoes.append((self.free_at + self.delay, fence))

    def queued(self, now: float) -> float:
        """Seconds until everything sent has left."""
        return max(0.0, self.free_at - now)


def stream(pace: Pace, link: Link, *, seconds: float, frame: int, fps: int) -> tuple[int, float]:
    """Offer `fps` frames a second; returns how many went and the longest queue after a second."""
    sent, longest, step = 0, 0.0, 1 / fps
    for tick in range(int(seconds * fps)):
        now = tick * step
        while link.echoes and link.echoes[0][0] <= now:
            pace.echoed(link.echoes.popleft()[1], now)
        if pace.may_send():
            link.carry(frame, pace.sent(frame, now), now)
            sent += 1
        if 1.0 < now:
            longest = max(longest, link.queued(now))
    return sent, longest


def test_a_viewer_far_away_sees_every_frame_that_its_link_carries() -> None:
    """A relay that waits for a request each time would give it 5 frames a second."""
    sent, _ = stream(Pace(), Link(10e6, delay=0.2), seconds=10, frame=20_000, fps=60)
    assert 0.95 * 600 <= sent


def test_a_thin_link_holds_little_more_than_the_frame_it_carries() -> None:
    link = Link(200e3, delay=0.04)
    sent, longest = stream(Pace(), link, seconds=20, frame=10_000, fps=60)
    assert longest <= 0.04 + 0.1 + 2 * 10_000 / 200e3
    assert 0.9 * 20 * 20 <= sent  # and yet it is never idle


def test_a_link_that_gets_thinner_is_believed() -> None:
    pace, link = Pace(), Link(10e6, delay=0.02)
    stream(pace, link, seconds=3, frame=50_000, fps=60)
    wide = pace.window
    thin = Link(300e3, delay=0.02)
    while pace.waiting:
        pace.echoed(link.echoes.popleft()[1], 3.0)
    stream(pace, thin, seconds=10, frame=10_000, fps=60)
    assert pace.window < wide / 4
    assert pace.window <= 300e3 * 0.35


def test_a_quiet_screen_does_not_make_a_link_look_thin() -> None:
    pace, link = Pace(), Link(10e6, delay=0.02)
    stream(pace, link, seconds=3, frame=50_000, fps=60)
    wide = pace.window
    stream(pace, Link(10e6, delay=0.02), seconds=3, frame=30, fps=5)
    assert wide * 0.9 <= pace.window


def test_echoes_are_believed_only_for_fences_that_were_sent() -> None:
    pace = Pace()
    first = pace.sent(1000, 0.0)
    assert pace.echoed(first + 7, 0.1) is False
    assert pace.in_flight == 1000
    assert pace.echoed(first, 0.1) is True
    assert pace.echoed(first, 0.2) is False
    assert pace.in_flight == 0
    assert pace.rtt == pytest.approx(0.1)


def test_an_unanswered_fence_grows_overdue() -> None:
    pace = Pace()
    assert pace.overdue(99.0) == 0.0
    pace.sent(10, 1.0)
    pace.sent(10, 2.0)
    assert pace.overdue(17.5) == 16.5


def test_memory_does_not_grow_with_what_is_unanswered() -> None:
    pace = Pace()
    for _ in range(10_000):
        if pace.may_send():
            pace.sent(1, 0.0)
    assert pace.waiting == MAX_FENCES


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200_000), st.floats(0, 0.3)), max_size=80))
def test_the_window_always_lets_something_through(
    story: list[tuple[bool, int, float]],
) -> None:
    pace, now, fences = Pace(), 0.0, deque[int]()
    for send, size, pause in story:
        now += pause
        if send and pace.may_send():
            fences.append(pace.sent(size, now))
        elif fences:
            assert pace.echoed(fences.popleft(), now)
        assert 0 <= pace.in_flight
        assert MIN_WINDOW <= pace.window
    while fences:
        pace.echoed(fences.popleft(), now)
    assert pace.in_flight == 0
    assert pace.may_send()


def test_an_allowance_delays_and_never_refuses() -> None:
    allowance = Allowance(200, 10, now=0.0)
    assert [allowance.spend(1, 0.0) for _ in range(10)] == [0.0] * 10
    assert allowance.spend(1, 0.0) == pytest.approx(1 / 200)
    assert allowance.debt(1 / 200) == pytest.approx(0.0)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 0.01), min_size=100, max_size=200))
def test_whoever_waits_as_told_stays_within_the_rate(pauses: list[float]) -> None:
    allowance, now = Allowance(200, 50, now=0.0), 0.0
    for pause in pauses:
        now += pause + allowance.spend(1, now + pause)
    assert len(pauses) <= 50 + 200 * now + 1
