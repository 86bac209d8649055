"""What may be on its way to a viewer, judged by links made of arithmetic."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, repeat
from math import inf

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.consoles.pacing import (
    FIRST_WINDOW,
    MARGIN_SECONDS,
    MAX_FENCES,
    QUEUE_SECONDS,
    Allowance,
    Pace,
)

MBIT = 125_000.0  # bytes per second
PAINTED, ECHOED, HOPED = range(3)


@dataclass
class Link:
    """What is sent waits its turn and travels; half the delay is the way back."""

    bandwidth: float  # bytes per second
    delay: float  # seconds
    late: Iterator[float] = field(default_factory=lambda: repeat(0.0))
    free_at: float = 0.0

    def carry(self, size: int, now: float) -> tuple[float, float]:
        """When it has arrived, and when its echo is back."""
        self.free_at = max(self.free_at, now) + size / self.bandwidth
        return self.free_at + self.delay / 2, self.free_at + self.delay + next(self.late)


@dataclass
class Watched:
    """What a viewer was shown once things had settled."""

    seconds: float
    sizes: list[int] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)  # of a picture, when it arrived
    queues: list[float] = field(default_factory=list)  # seconds that an update waited its turn

    @property
    def fps(self) -> float:
        return len(self.sizes) / self.seconds

    @property
    def carried(self) -> float:
        return sum(self.sizes) / self.seconds

    @property
    def age(self) -> float:
        """The 95th percentile."""
        return sorted(self.ages)[int(0.95 * (len(self.ages) - 1))]


class Story:
    """A source paints, a viewer is sent what its pace allows. Nothing here takes any time."""

    def __init__(self, pace: Pace, link: Link) -> None:
        self.pace, self.link, self.now = pace, link, 0.0
        self._events: list[tuple[float, int, int]] = []
        self._last_echo = 0.0

    def greet(self, size: int) -> None:
        """The first picture goes out, and a round trip later it is known that fences come back."""
        self.link.carry(size, self.now)
        self.pace.unfenced(size)
        self.now += self.link.delay
        self._send(0)

    def watch(
        self, *, fps: float, sizes: Iterator[int], seconds: float = 30, settled: float = 2
    ) -> Watched:
        """`fps` frames a second for so long; each update is the next of `sizes`, in bytes."""
        watched = Watched(seconds - settled)
        begin, painted, shown, ticks = self.now, self.now, -1.0, 0
        heapq.heappush(self._events, (begin, PAINTED, 0))
        while self._events[0][0] < begin + seconds:
            self.now, kind, number = heapq.heappop(self._events)
            if kind == PAINTED:
                painted, ticks = self.now, ticks + 1
                heapq.heappush(self._events, (begin + ticks / fps, PAINTED, 0))
            elif kind == ECHOED:
                assert self.pace.echoed(number, self.now)
            while shown < painted and self._has_room():
                if self.pace.wants_probe(self.now):
                    self._send(0)
                    continue
                shown, size, waits = painted, next(sizes), self.link.free_at - self.now
                arrived = self._send(size)
                if begin + settled <= self.now:
                    watched.sizes.append(size)
                    watched.ages.append(arrived - painted)
                    watched.queues.append(max(0.0, waits))
        self._events = [event for event in self._events if event[1] == ECHOED]
        heapq.heapify(self._events)
        return watched

    def _has_room(self) -> bool:
        pause = self.pace.pause(self.now)
        if 0 < pause < inf:
            heapq.heappush(self._events, (self.now + pause + 1e-4, HOPED, 0))
        return not pause

    def _send(self, size: int) -> float:
        arrived, echo = self.link.carry(size, self.now)
        self._last_echo = max(self._last_echo, echo)  # in order, however late
        number = self.pace.sent(size, self.now)
        heapq.heappush(self._events, (self._last_echo, ECHOED, number))
        return arrived


@pytest.mark.parametrize("delay", [0.1, 0.2])
@pytest.mark.parametrize(("fps", "size"), [(20, 40_000), (60, 20_000), (60, 300)])
def test_a_viewer_far_away_sees_every_frame_that_its_link_carries(
    delay: float, fps: int, size: int
) -> None:
    """A relay that waits for a request each time would give it 5 or 10 frames a second."""
    link = Link(20 * MBIT, delay)
    watched = Story(Pace(), link).watch(fps=fps, sizes=repeat(size))
    assert watched.fps == pytest.approx(fps, rel=0.01)
    assert watched.age <= delay / 2 + size / link.bandwidth + 0.001  # as if it were alone


@pytest.mark.parametrize(("mbit", "size"), [(20, 40_000), (100, 100_000)])
@pytest.mark.parametrize("delay", [0.2, 0.3])
def test_what_a_far_link_carries_is_known_from_the_first_two_echoes(
    mbit: int, size: int, delay: float
) -> None:
    link = Link(mbit * MBIT, delay)
    story = Story(Pace(), link)
    story.greet(40_000)
    watched = story.watch(fps=20, sizes=repeat(size), seconds=8, settled=delay + 0.05)
    assert 20 * watched.seconds - 1 <= len(watched.sizes)
    assert max(watched.ages) <= delay / 2 + size / link.bandwidth + 0.001


@settings(max_examples=30, deadline=None)
@given(
    delay=st.floats(0.05, 0.3),
    late=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.06, 0.1]), min_size=20, max_size=50),
)
def test_a_link_that_falls_idle_in_between_is_measured_without_a_pause(
    delay: float, late: list[float]
) -> None:
    """Echoes that a busy machine holds up make the link look full; it is not."""
    story = Story(Pace(), Link(20 * MBIT, delay, late=cycle([*late, *[0.0] * 20])))
    story.watch(fps=20, sizes=repeat(30_000), seconds=4)
    watched = story.watch(fps=20, sizes=repeat(30_000), seconds=40, settled=0)
    assert 19.8 <= watched.fps


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.2])
def test_a_thin_link_is_never_idle_and_carries_no_old_queue(delay: float) -> None:
    link, size = Link(2 * MBIT, delay), 40_000
    watched = Story(Pace(), link).watch(fps=20, sizes=repeat(size))
    assert 0.95 * link.bandwidth <= watched.carried
    assert max(watched.queues) <= MARGIN_SECONDS + 0.001
    assert watched.age <= delay / 2 + size / link.bandwidth + MARGIN_SECONDS + 1 / 20


def test_full_screen_text_far_away_on_a_thin_link_is_seen_within_400_ms() -> None:
    sizes = cycle([40_000, 12_000, 55_000, 31_000, 48_000, 26_000, 60_000])
    watched = Story(Pace(), Link(2 * MBIT, 0.1)).watch(fps=20, sizes=sizes)
    assert 0.95 * 2 * MBIT <= watched.carried
    assert watched.age <= 0.4


@settings(max_examples=60, deadline=None)
@given(
    mbit=st.floats(0.5, 200),
    delay=st.floats(0.001, 0.4),
    fps=st.sampled_from([10, 20, 25, 60]),
    fullness=st.floats(1.2, 4),
    shape=st.lists(st.floats(1, 6), min_size=1, max_size=7),
)
def test_a_full_link_is_used_and_its_queue_is_bounded(
    mbit: float, delay: float, fps: int, fullness: float, shape: list[float]
) -> None:
    link = Link(mbit * MBIT, delay)
    least = min(fullness * link.bandwidth / fps, 2e5)
    assume(1.1 * link.bandwidth < least * fps)
    sizes = [int(least * each) for each in shape]
    watched = Story(Pace(), link).watch(fps=fps, sizes=cycle(sizes), seconds=60, settled=5)
    # An update that began before the first or ends after the last second is not counted whole.
    edge = max(sizes) / watched.seconds
    assert 0.9 * link.bandwidth - edge <= watched.carried
    # The size of what goes next is guessed from what went last.
    assert max(watched.queues) <= QUEUE_SECONDS + 2 * MARGIN_SECONDS + max(sizes) / link.bandwidth


@example(5, [0.027, 0.0, 0.027, 0.027, 0.0])  # as if it carried more, and fell idle
@settings(max_examples=40, deadline=None)
@given(
    mbit=st.sampled_from([2, 5, 20, 100]),
    late=st.lists(st.floats(0, 0.03), min_size=5, max_size=50),
)
def test_echoes_that_come_late_now_and_then_cost_neither_frames_nor_much_age(
    mbit: int, late: list[float]
) -> None:
    link = Link(mbit * MBIT, 0.1, late=cycle(late))
    watched = Story(Pace(), link).watch(fps=20, sizes=repeat(40_000), seconds=60, settled=5)
    assert 0.85 * min(link.bandwidth, 20 * 40_000) <= watched.carried
    assert watched.age <= 0.05 + 40_000 / link.bandwidth + 0.25


def test_a_link_that_gets_thinner_is_believed_and_a_wider_one_too() -> None:
    story = Story(Pace(), Link(20 * MBIT, 0.05))
    story.watch(fps=20, sizes=repeat(40_000), seconds=5)
    story.link = Link(2 * MBIT, 0.05)
    assert story.watch(fps=20, sizes=repeat(40_000), seconds=10, settled=3).age <= 0.3
    assert story.pace.rate == pytest.approx(2 * MBIT, rel=0.1)
    assert story.pace.pressed(story.now)
    story.link = Link(20 * MBIT, 0.05)
    assert story.watch(fps=20, sizes=repeat(40_000), seconds=10, settled=3).fps == 20
    assert 18 * MBIT <= story.pace.rate
    assert not story.pace.pressed(story.now)


def test_a_quiet_screen_does_not_make_a_link_look_thin() -> None:
    story = Story(Pace(), Link(80 * MBIT, 0.02))
    story.watch(fps=60, sizes=repeat(50_000), seconds=3)
    wide = story.pace.rate
    story.link.late = cycle([0.0, 0.004, 0.2, 0.001])
    for size in (30, 1000):
        assert story.watch(fps=5, sizes=repeat(size), seconds=10).fps == pytest.approx(5, rel=0.1)
        assert wide * 0.9 <= story.pace.rate


def test_a_busy_machine_does_not_make_a_link_look_thin() -> None:
    story = Story(Pace(), Link(80 * MBIT, 0.02))
    story.watch(fps=60, sizes=repeat(50_000), seconds=3)
    wide = story.pace.rate
    story.link.late = cycle([0.0, 0.03, 0.01, 0.04])
    story.watch(fps=20, sizes=repeat(8000), seconds=10)
    assert wide * 0.9 <= story.pace.rate
    story.link.late = cycle([0.0, 0.08, 0.01, 0.1])
    story.watch(fps=60, sizes=repeat(300), seconds=10)
    assert wide * 0.9 <= story.pace.rate
    assert not story.pace.pressed(story.now)


def test_echoes_that_come_all_at_once_are_believed_by_and_by() -> None:
    pace = Pace()
    for number in range(1, 4):
        pace.sent(10_000, 0.0)
        assert pace.echoed(number, 0.1) is True
    assert pace.rate <= 4 * 10_000 / 0.1


def test_a_little_is_let_through_whatever_the_link_is_thought_to_carry() -> None:
    pace = Pace()
    assert pace.echoed(pace.sent(5000, 0.0), 1.0)  # 5 kB/s
    pace.sent(300, 2.0)
    assert pace.pause(2.0) == 0.0
    pace.sent(5000, 2.0)
    assert 0.9 <= pace.pause(2.0)


@pytest.mark.parametrize(
    ("mbit", "delay", "sizes"),
    [(1, 0.05, (100_000,)), (1, 0.4, (250_000, 90_000)), (2, 0.25, (20_000, 5000))],
)
def test_the_round_trip_of_a_link_that_is_never_idle_does_not_creep_up(
    mbit: int, delay: float, sizes: tuple[int, ...]
) -> None:
    story = Story(Pace(), Link(mbit * MBIT, delay))
    watched = story.watch(fps=60, sizes=cycle(sizes), seconds=200)
    assert story.pace.base == pytest.approx(delay, abs=0.005)
    assert max(watched.queues) <= 0.1


def test_echoes_that_fail_to_come_stop_what_is_sent() -> None:
    story = Story(Pace(), Link(2 * MBIT, 0.05))
    story.watch(fps=20, sizes=repeat(10_000), seconds=5)
    now, more = story.now, 0
    while now < story.now + 10:
        now += 0.01
        if not story.pace.pause(now):
            story.pace.sent(10_000, now)
            more += 1
    assert more * 10_000 / (2 * MBIT) <= 0.3


def test_before_anything_is_known_little_is_sent() -> None:
    pace = Pace()
    while not pace.pause(0.0):
        pace.sent(10_000, 0.0)
    assert pace.in_flight <= FIRST_WINDOW + 10_000
    assert pace.pause(99.0) == inf  # only an echo tells


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
        if not pace.pause(0.0):
            pace.sent(1, 0.0)
    assert pace.waiting == MAX_FENCES


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 200_000), st.floats(0, 0.3)), max_size=80))
def test_the_pace_always_lets_something_through(story: list[tuple[bool, int, float]]) -> None:
    pace, now, fences = Pace(), 0.0, deque[int]()
    for send, size, pause in story:
        now += pause
        if send and not pace.pause(now):
            fences.append(pace.sent(size, now))
        elif fences:
            assert pace.echoed(fences.popleft(), now)
        assert 0 <= pace.in_flight
        assert fences or not pace.pause(now)
    while fences:
        pace.echoed(fences.popleft(), now)
    assert pace.in_flight == 0
    assert pace.pause(now) == 0.0


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


def known(rate: float = 1e6) -> Pace:
    """A link of so many bytes a second and 10 ms, idle."""
    pace = Pace()
    pace.echoed(pace.sent(0, 0.0), 0.01)
    pace.echoed(pace.sent(20_000, 0.1), 0.11 + 20_000 / rate)
    assert pace.rate == pytest.approx(rate)
    return pace


def test_small_updates_on_an_idle_link_share_a_fence() -> None:
    pace = known()
    assert all(pace.goes_along(1000, 0.15) for _ in range(16))
    assert not pace.goes_along(1000, 0.15)
    assert pace.in_flight == 16_000
    assert not pace.pause(0.15)
    # The next fence vouches for them all.
    number = pace.sent(1000, 0.15)
    assert pace.in_flight == 17_000
    pace.echoed(number, 0.18)
    assert pace.in_flight == 0


def test_after_a_while_each_update_has_its_fence() -> None:
    assert known().goes_along(1000, 0.19)
    assert not known().goes_along(1000, 0.21)


def test_what_keys_change_shares_a_fence_on_whatever_link() -> None:
    unmeasured = Pace()
    assert unmeasured.echoed(unmeasured.sent(0, 0.1), 0.11)
    for pace in (known(), unmeasured):
        assert [pace.goes_along(30, 0.2 * at) for at in range(1, 7)] == [*[True] * 5, False]
        assert not pace.goes_along(400, 1.0)
        assert not pace.pause(1.0)
    # Nor do they make a quiet link look busy: it is measured once, not before each of them.
    assert unmeasured.wants_probe(11.0)
    assert unmeasured.echoed(unmeasured.sent(0, 11.0), 11.01)
    assert unmeasured.goes_along(30, 11.02)
    assert not unmeasured.wants_probe(12.0)


def test_on_a_thin_or_unknown_link_each_update_has_its_fence() -> None:
    assert not Pace().goes_along(100, 0.0)
    assert not known(50_000).goes_along(1001, 0.15)
    pace = known()
    assert pace.echoed(pace.sent(20_000, 0.2), 0.4)
    assert not pace.goes_along(100, 0.2)


def test_what_went_before_fences_were_known_is_no_round_trip() -> None:
    # 60 kB on a link of 250 kB/s stand in front of the first fence.
    pace = Pace()
    pace.unfenced(60_000)
    first = pace.sent(0, 0.0)
    assert pace.echoed(first, 0.34)
    assert pace.in_flight == 0
    # Late as it was: the link is to be measured while it is idle, and before it is filled.
    second = pace.sent(60_000, 0.35)
    assert pace.pause(0.36) == inf
    assert pace.echoed(second, 0.69)
    assert pace.wants_probe(0.7)
    assert pace.echoed(pace.sent(0, 0.7), 0.8)
    assert pace.base == pytest.approx(0.1)


def test_nobody_waits_for_an_echo_where_no_fence_is_out() -> None:
    pace = known()
    number = pace.sent(20_000, 10.2)
    assert pace.goes_along(1000, 10.21)
    # Late, and long not measured on an idle link.
    assert pace.echoed(number, 10.5)
    assert pace.pause(10.5) == 0.0
