"""Where the pointer of whoever has control is, for those who watch: the newest place, no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

# x and y, in the screen's pixels.
Place = tuple[int, int]

SECONDS: Final = 0.05  # between two places that watchers are told


class SharedPointer:
    """One place, told at most 20 times a second; watchers come and get it.

    INVARIANT: it leads nowhere: whoever holds it learns a place and reaches no upstream.
    INVARIANT: what is kept is one place, however many watch and however slow they are.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now, self._later = loop.time, loop.call_later
        self._newest: Place | None = None
        self._told: Place | None = None
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._watchers: set[Callable[[], None]] = set()

    def watch(self, moved: Callable[[], None]) -> None:
        """Call `moved` whenever there is another place to show."""
        self._watchers.add(moved)

    def unwatch(self, moved: Callable[[], None]) -> None:
        """Call it no more."""
        self._watchers.discard(moved)

    def within(self, width: int, height: int) -> Place | None:
        """Where it is on a screen of that size; None where there is nothing to show.

        The place comes from a browser, which may say what it likes.
        """
        if self._told is None or not (width and height):
            return None
        x, y = self._told
        return min(x, width - 1), min(y, height - 1)

    def at(self, place: Place | None) -> None:
        """It is there; None where nobody has control, or has not moved it since."""
        self._newest = place
        if place == self._told or self._timer is not None:
            return
        wait = self._told_at + SECONDS - self._now()
        if wait <= 0:
            self._tell()
        else:
            self._timer = self._later(wait, self._tell)

    def forget(self) -> None:
        """Show nothing, now."""
        if self._timer is not None:
            self._timer.cancel()
        self._newest = None
        self._tell()

    def _tell(self) -> None:
        self._timer = None
        if self._newest != self._told:
            self._told, self._told_at = self._newest, self._now()
            for moved in tuple(self._watchers):
                moved()
