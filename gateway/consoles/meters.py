"""Where a node's console sessions note what they do. Nothing in it names a VM or a viewer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from gateway.rfb.tally import Tally

T = TypeVar("T")


class Observer(Protocol):
    """Takes one measurement after the other, from any thread."""

    def observe(self, amount: float, /) -> None: ...


class _Nobody:
    def observe(self, amount: float, /) -> None:
        pass


_NOBODY: Final = _Nobody()


@dataclass(frozen=True, slots=True)
class Meters:
    """Shared by all sessions; without observers it keeps counts alone."""

    tally: Tally = field(default_factory=Tally)
    encoding: Observer = _NOBODY  # seconds that encoding for a viewer took
    round_trip: Observer = _NOBODY  # seconds from a fence to its echo

    def timed(self, work: Callable[[], T]) -> T:
        """What `work` returns; if anything had to be encoded for it, how long it took is noted."""
        misses, begun = self.tally.misses, time.perf_counter()
        result = work()
        if misses != self.tally.misses:
            self.encoding.observe(time.perf_counter() - begun)
        return result
