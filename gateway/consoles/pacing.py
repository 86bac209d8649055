"""How much may be on its way to a viewer: measured from fences, told the time.

A fence stands behind each update. Its echo says when the link was done with what is before it, so
what it carries is known from one update, and when it will be done with the next is reckoned. What
waits in the network beyond one round trip comes to 100 ms, the update that is about to go counted;
where one alone takes longer, it goes just as the link falls idle. So a far viewer with a good link
is sent every frame without waiting for the one before, and a thin link is never idle, yet carries
the newest picture rather than an old queue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Final

QUEUE_SECONDS: Final = 0.1  # what may wait in the network on top of one round trip
MARGIN_SECONDS: Final = 0.02  # so early the next goes, that the link does not fall idle
NOISE_SECONDS: Final = 0.05  # lateness up to this is a busy machine's, and says nothing of a link
PRESSED_SECONDS: Final = 2.0  # for so long a link that was late counts as full
FIRST_WINDOW: Final = 64 * 1024
MIN_WINDOW: Final = 4 * 1024  # what is let through, whatever the link is thought to carry
MAX_WINDOW: Final = 8 * 1024 * 1024
MIN_SAMPLE: Final = 4 * 1024  # bytes; fewer are gone too soon for their time to be told
MIN_BUSY: Final = 0.001
TOLD_SECONDS: Final = 0.005  # echoes so far apart were not held up to come at once
MAX_FENCES: Final = 128  # unanswered ones
# Small updates on an idle link share a fence: each echo costs us what an update does.
ALONG_BYTES: Final = 16 * 1024
ALONG_LINK_SECONDS: Final = 0.02
ALONG_SECONDS: Final = 0.1
# What a key changes is gone at once on any link.
TINY_BYTES: Final = 512
TINY_SECONDS: Final = 1.0
BASE_SECONDS: Final = 20.0  # for so long the shortest round trip is believed
DRAIN_SECONDS: Final = 10.0  # after so long it is measured on an idle link again
# A link that is reckoned to be idle is believed to be if the round trip was the shortest, so
# exactly. After so many that were not, it is let run empty.
IDLE_SECONDS: Final = 0.005
MAX_TRIALS: Final = 8
MAX_BASE: Final = 1.0  # seconds; longer ones are queues, whatever they were measured on


@dataclass(frozen=True, slots=True)
class _Mark:
    """A fence behind so many bytes."""

    number: int
    size: int
    at: float


class Pace:
    """One viewer's link. Fences are numbered; the viewer echoes them in order."""

    def __init__(self) -> None:
        self.rtt: float | None = None  # seconds, the newest
        self.rate = 0.0  # bytes per second that the link carries; 0 until that was measured
        self.in_flight = 0  # bytes that were sent and not yet known to have arrived
        self._number = 0
        self._newest = 0  # bytes of the newest update
        self._marks: deque[_Mark] = deque()
        self._base = [inf, inf]  # shortest round trip: this period's, the last's
        self._base_since = 0.0
        self._drained_at = -inf  # when the round trip was last measured on an idle link
        self._trial: int | None = None  # the fence that went where the link was reckoned idle
        self._trials = 0  # those since then that were not so
        self._late = False  # whether the newest measured bytes came later than noise explains
        self._late_at = -inf
        self._echo_at = -inf
        self._guessed = True  # the rate was measured, if at all, before any round trip was
        self._free_at = -inf  # when the link is reckoned to be done with all that was sent
        self._burst = (0, 0.0)  # bytes without a pause between them, and how long they took
        self._along = 0  # bytes that went without a fence
        self._fenced_at = -inf

    @property
    def base(self) -> float | None:
        """The round trip when nothing waits, in seconds; None until one was measured."""
        base = min(self._base)
        return None if base == inf else min(base, MAX_BASE)

    @property
    def waiting(self) -> int:
        """Unanswered fences."""
        return len(self._marks)

    def pressed(self, now: float) -> bool:
        """Whether the link is full, as far as is known: what was sent lately arrived late."""
        return now - self._late_at <= PRESSED_SECONDS

    def pause(self, now: float) -> float:
        """In how many seconds the link has room for another update; inf if only an echo can say."""
        if MAX_FENCES <= len(self._marks):
            return inf
        if self._marks and self._is_stale(now) and not self._may_try(now):
            return inf
        if self.in_flight < MIN_WINDOW:
            return 0.0
        if not self.rate:
            return 0.0 if self.in_flight < FIRST_WINDOW else inf
        if self._window() <= self.in_flight:
            return inf
        wait = min(max(QUEUE_SECONDS - self._newest / self.rate, MARGIN_SECONDS), QUEUE_SECONDS)
        return max(0.0, self._free_at - wait - now)

    def wants_probe(self, now: float) -> bool:
        """Whether an empty fence should go first: the link is idle and long was not measured so."""
        return self._is_due(now) and (not self._marks or self._may_try(now))

    def goes_along(self, size: int, now: float) -> bool:
        """Whether so few bytes may go without a fence; they are counted with the next one's."""
        along = self._along + size
        tiny = along <= TINY_BYTES
        most = min(ALONG_BYTES, self.rate * ALONG_LINK_SECONDS)
        if (
            not (tiny or along <= most)
            or self._fenced_at + (TINY_SECONDS if tiny else ALONG_SECONDS) <= now
            or self._late
            or self.pressed(now)
        ):
            return False
        self._along += size
        self.in_flight += size
        return True

    def unfenced(self, size: int) -> None:
        """Bytes went out before it was known that the viewer echoes fences."""
        self._along += size
        self.in_flight += size

    def sent(self, size: int, now: float) -> int:
        """Bytes went out and a fence behind them; returns the fence's number."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        if size <= MIN_SAMPLE:
            if not self._marks and self._along < MIN_SAMPLE:
                self._drained(now)
            elif self._is_due(now) and self._may_try(now):
                self._trial = self._number
        if size:
            self._newest = size
        self.in_flight += size
        mark = _Mark(self._number, size + self._along, now)
        self._along, self._fenced_at = 0, now
        self._marks.append(mark)
        self._free_at = self._done(mark, self._free_at)
        return self._number

    def echoed(self, number: int, now: float) -> bool:
        """A fence came back, and with it all before it. False if we never sent that one."""
        if not any(mark.number == number for mark in self._marks):
            return False
        first = mark = self._marks.popleft()
        size = mark.size
        while mark.number != number:
            mark = self._marks.popleft()
            size += mark.size
        self._measure(size, first.at, now)
        self.in_flight -= size
        self._settle(mark, now)
        return True

    def overdue(self, now: float) -> float:
        """For how many seconds the oldest fence has been unanswered; 0 if none is."""
        return now - self._marks[0].at if self._marks else 0.0

    def _window(self) -> float:
        """What may be unanswered at most, should the echoes fail to come."""
        # All but the last byte of the oldest update may have arrived.
        oldest = self._marks[0].size if self._marks else 0
        return min(self.rate * ((self.base or 0.0) + QUEUE_SECONDS) + oldest, MAX_WINDOW)

    def _is_due(self, now: float) -> bool:
        """Whether the round trip was long not measured on an idle link, nor is about to be."""
        return self._trial is None and DRAIN_SECONDS < now - self._drained_at

    def _is_stale(self, now: float) -> bool:
        # On a link that is never idle the shortest round trip creeps up by what always waits.
        return (self._late or self.pressed(now)) and self._is_due(now)

    def _may_try(self, now: float) -> bool:
        """Whether the link is reckoned to be idle, echoes being on their way, and may well be."""
        # No full link comes to it, if its rate is right: there the next goes before it is done.
        idle = 0.0 < self.rate and self._free_at + MARGIN_SECONDS <= now
        return idle and self._trials < MAX_TRIALS

    def _drained(self, now: float) -> None:
        self._drained_at, self._trial, self._trials = now, None, 0

    def _done(self, mark: _Mark, free_at: float) -> float:
        """When a link that is busy until `free_at` is done with what is before `mark`."""
        return max(free_at, mark.at) + (mark.size / self.rate if self.rate else 0.0)

    def _measure(self, size: int, sent_at: float, now: float) -> None:
        """The link was done with so many bytes, of which the first went out at `sent_at`."""
        base = self.base or 0.0
        began = max(sent_at + base, self._echo_at)
        if now < began or self.in_flight < MIN_WINDOW:
            # The round trip was shorter than we thought, or the link had next to nothing to do.
            self._burst = (0, 0.0)
            return
        before, took = self._burst if sent_at + base < self._echo_at else (0, 0.0)
        self._burst = before + size, took + now - began
        if self._burst[0] < MIN_SAMPLE:
            return
        busy = self._burst[1]
        rate = self._burst[0] / max(busy, MIN_BUSY)
        self._burst = (0, 0.0)
        late = now - sent_at - base
        self._late = NOISE_SECONDS < late
        if self._late and self.base is not None:
            self._late_at = now
        guessed, self._guessed = self._guessed, self.base is None
        if guessed and self.rate and TOLD_SECONDS <= busy:
            # Nobody knew the round trip, which passed for work of the link.
            self.rate = rate
        elif self.rate < rate:
            # Echoes that were held up come all at once: what they say is believed by and by.
            self.rate = min(rate, 2 * self.rate) if self.rate else rate
        elif self._late:
            # The later, the surer. A quiet screen does not make a link look thin.
            self.rate += (rate - self.rate) * min(1.0, late / (2 * QUEUE_SECONDS))

    def _settle(self, mark: _Mark, now: float) -> None:
        self.rtt = max(now - mark.at, 1e-6)
        if BASE_SECONDS < now - self._base_since:
            self._base, self._base_since = [inf, self._base[0]], now
        self._base[0] = min(self._base[0], self.rtt)
        if self._trial is not None and not any(m.number == self._trial for m in self._marks):
            if mark.number == self._trial and self.rtt <= min(self._base) + IDLE_SECONDS:
                self._drained(mark.at)
            else:
                self._trial, self._trials = None, self._trials + 1
        self._echo_at = now
        # An echo is the truth: the link was done with this one a round trip ago.
        free_at = now - min(*self._base, MAX_BASE)
        for each in self._marks:
            free_at = self._done(each, free_at)
        self._free_at = free_at


class Allowance:
    """So many a second, with some to spare; whoever overdraws waits, nothing is refused."""

    def __init__(self, rate: float, spare: float, now: float) -> None:
        self._rate, self._spare = rate, spare
        self._left, self._at = spare, now

    def spend(self, amount: float, now: float) -> float:
        """Take `amount`; returns for how many seconds to take no more."""
        self._fill(now)
        self._left -= amount
        return self.debt(now)

    def debt(self, now: float) -> float:
        """For how many seconds to take no more."""
        self._fill(now)
        return max(0.0, -self._left / self._rate)

    def _fill(self, now: float) -> None:
        self._left = min(self._spare, self._left + (now - self._at) * self._rate)
        self._at = now
