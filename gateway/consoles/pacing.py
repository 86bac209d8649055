"""How much may be on its way to a viewer: measured from fences, told the time.

The window is what the link carries in one round trip plus 100 ms. So a far viewer with a good link
is sent every frame without waiting for the one before, and a thin link holds little more than the
frame that it is carrying: its viewer sees the newest picture rather than an old queue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

QUEUE_SECONDS: Final = 0.1  # what may wait in the network on top of one round trip
FIRST_WINDOW: Final = 64 * 1024
MIN_WINDOW: Final = 16 * 1024
MAX_WINDOW: Final = 8 * 1024 * 1024
MAX_FENCES: Final = 128  # unanswered ones
BASE_SECONDS: Final = 10.0  # for so long the shortest round trip is believed


@dataclass(frozen=True, slots=True)
class _Mark:
    """A fence behind some bytes, and how things stood when it was sent."""

    number: int
    sent: int  # bytes sent in all, up to this fence
    arrived: int  # bytes known to have arrived then
    at: float
    full: bool  # the window was what held us back


class Pace:
    """One viewer's link. Fences are numbered; the viewer echoes them in order."""

    def __init__(self) -> None:
        self.rtt: float | None = None  # seconds, the newest
        self.window = FIRST_WINDOW
        self._sent = 0
        self._arrived = 0
        self._number = 0
        self._rate = 0.0  # bytes per second
        self._marks: deque[_Mark] = deque()
        self._base = [float("inf"), float("inf")]  # shortest round trip: this period's, the last's
        self._base_since = 0.0

    @property
    def in_flight(self) -> int:
        """Bytes that were sent and not yet known to have arrived."""
        return self._sent - self._arrived

    @property
    def waiting(self) -> int:
        """Unanswered fences."""
        return len(self._marks)

    def may_send(self) -> bool:
        """Whether the link has room for another update."""
        return self.in_flight < self.window and len(self._marks) < MAX_FENCES

    def sent(self, size: int, now: float) -> int:
        """Bytes went out and a fence behind them; returns the fence's number."""
        self._sent += size
        self._number = (self._number + 1) & 0xFFFFFFFF
        full = self.window <= self.in_flight
        self._marks.append(_Mark(self._number, self._sent, self._arrived, now, full))
        return self._number

    def echoed(self, number: int, now: float) -> bool:
        """A fence came back, and with it all before it. False if we never sent that one."""
        if not any(mark.number == number for mark in self._marks):
            return False
        mark = self._marks.popleft()
        while mark.number != number:
            mark = self._marks.popleft()
        self._arrived = mark.sent
        self._measured(mark, max(now - mark.at, 1e-6), now)
        return True

    def overdue(self, now: float) -> float:
        """For how many seconds the oldest fence has been unanswered; 0 if none is."""
        return now - self._marks[0].at if self._marks else 0.0

    def _measured(self, mark: _Mark, rtt: float, now: float) -> None:
        self.rtt = rtt
        if BASE_SECONDS < now - self._base_since:
            self._base, self._base_since = [float("inf"), self._base[0]], now
        self._base[0] = min(self._base[0], rtt)
        rate = (self._arrived - mark.arrived) / rtt
        spare = QUEUE_SECONDS
        if self._rate < rate:
            self._rate = rate
            # Still finding out what the link carries: at least double, however far it is.
            spare = max(spare, min(self._base))
        elif mark.full:
            # Only a full window says that the link cannot carry more; a quiet screen does not.
            self._rate += (rate - self._rate) / 4
        room = self._rate * (min(self._base) + spare)
        self.window = int(min(max(room, MIN_WINDOW), MAX_WINDOW))


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
