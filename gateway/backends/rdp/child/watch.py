"""Keeps the vigil over a console's two programs, and over the host behind them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from gateway.backends.rdp.child.painting import Painting
from gateway.backends.rdp.child.vigil import PICTURE, PIXEL, SHOW, TICK, Seen, Stuck, Vigil
from gateway.backends.rdp.child.xserver import XServer

_TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Rests until `begin`."""

    def __init__(self, x: XServer) -> None:
        """Before anything is shown. Raises: OSError, EOFError."""
        self._painting = Painting(x, self._painted)
        self._vigil: Vigil | None = None
        self._programs: Mapping[str, int] = {}
        self._due = 0.0

    def begin(self, programs: Mapping[str, int]) -> None:
        """The guest's screen is shown; these are the programs by their names, and their pids."""
        self._programs = programs
        self._painting.watch()
        self._due = time.monotonic()
        self._vigil = Vigil(self._due)

    @property
    def milliseconds(self) -> int | None:
        """Until the next look; None while it rests."""
        if self._vigil is None:
            return None
        return max(0, int((self._due - time.monotonic()) * 1000) + 1)

    def look(self) -> Stuck | None:
        """What is over, where it is time to look."""
        now = time.monotonic()
        if self._vigil is None or now < self._due:
            return None
        self._due = now + TICK
        found = self._vigil.look(now, {name: _seen(pid) for name, pid in self._programs.items()})
        if isinstance(found, Stuck):
            return found
        self._ask(found)
        return None

    def _painted(self, pixel: bool, whole: bool) -> None:  # noqa: FBT001 - Painting's callback
        assert self._vigil is not None
        self._ask(self._vigil.painted(time.monotonic(), pixel=pixel, whole=whole))

    def _ask(self, what: str | None) -> None:
        if what == PICTURE:
            self._painting.say_nobody_looks()
        if what in {PIXEL, PICTURE}:
            self._painting.ask_for_pixel()
        elif what == SHOW:
            self._painting.say_somebody_looks()


def _seen(pid: int) -> Seen:
    """proc(5), /proc/PID/stat; a name may hold anything, so it is skipped by its last bracket."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib is slow
        fields = file.read().rpartition(b")")[2].split()
    # The state is the third field, utime and stime are the 14th and the 15th.
    return Seen(fields[0] in b"Tt", (int(fields[11]) + int(fields[12])) / _TICKS)
