"""Whether FreeRDP still works and its host still answers: when to ask, and what silence means.

It is told the time and what was seen; it does nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TICK = 0.5  # seconds between two looks

# What to ask for.
PIXEL = "pixel"  # have FreeRDP paint one pixel of its own picture
PICTURE = "picture"  # the same, and have it tell the host that nobody looks
SHOW = "show"  # have it tell the host that somebody looks again: the host paints everything

_SPUN = 0.8  # seconds of a core that a program may use without doing what it was asked for
_HUNG = 5.0  # seconds that it may take for it
_QUIET = 3.5  # seconds without a pixel from the host, before it is asked for all of them
_QUIET_AT_FIRST = 1.0  # the same, until it is known whether it answers
_SILENT = 4.5  # seconds that it may take to answer
_EASE = 10  # times as long as it took, before it is asked again: all pixels are much on a thin link
_PROOFS = 3  # answers in a row, before silence counts against it
_FUTILE = 3  # questions in a row without an answer, before it is asked no more


class Seen(NamedTuple):
    """A program, as /proc tells it."""

    stopped: bool
    cpu: float  # seconds of a core so far


class Stuck(NamedTuple):
    """What is over, and why: a word of `gateway.backends.rdp.verdicts`."""

    program: str
    word: str


class Vigil:
    """Begins once the guest's screen is shown."""

    def __init__(self, now: float) -> None:
        self._painted = False  # by the host, since the last look
        self._stopped: set[str] = set()
        self._asked: float | None = None  # when FreeRDP was asked for a pixel
        self._then: Mapping[str, Seen] = {}  # what was seen then
        self._away = False  # FreeRDP is to tell the host that nobody looks
        self._heard = now  # the host, by what it painted
        self._host_asked: float | None = None
        self._took = 0.0  # seconds, for all of them
        self._proofs = 0
        self._futile = 0

    def painted(self, now: float, *, pixel: bool, whole: bool) -> str | None:
        """FreeRDP painted: the pixel that it was asked for, or all of the screen, or some of it.

        Returns what to ask for now.
        """
        self._asked = None
        away, self._away = self._away, False
        if not pixel:
            self._heard, self._painted = now, True
            self._host_answered(now, whole=whole)
        elif away:
            self._host_asked = now
        return SHOW if away else None

    def look(self, now: float, seen: Mapping[str, Seen]) -> str | Stuck | None:
        """What to ask for now, or what is over."""
        stopped = {name for name, each in seen.items() if each.stopped}
        again, self._stopped = self._stopped & stopped, stopped
        if again:
            return Stuck(again.pop(), "STOPPED")
        if self._asked is not None:
            return self._unanswered(now - self._asked, seen)
        if self._host_asked is not None and _SILENT <= now - self._host_asked:
            if _PROOFS <= self._proofs:
                return Stuck("xfreerdp", "SILENCE")
            self._host_asked, self._proofs, self._futile = None, 0, self._futile + 1
        painted, self._painted = self._painted, False
        if painted:
            return None
        self._asked, self._then = now, seen
        self._away = self._host_is_due(now)
        return PICTURE if self._away else PIXEL

    def _host_answered(self, now: float, *, whole: bool) -> None:
        """It painted. What proves that it answers is all of the screen: some of it is chance."""
        if self._host_asked is None:
            return
        if whole:
            self._took = now - self._host_asked
            self._proofs, self._futile = self._proofs + 1, 0
        if whole or _PROOFS <= self._proofs:
            self._host_asked = None

    def _unanswered(self, since: float, seen: Mapping[str, Seen]) -> Stuck | None:
        for name, each in seen.items():
            if _SPUN <= each.cpu - self._then[name].cpu:
                return Stuck(name, "SPINNING")
        return Stuck("xfreerdp", "HANGING") if _HUNG <= since else None

    def _host_is_due(self, now: float) -> bool:
        if self._host_asked is not None or _FUTILE <= self._futile:
            return False
        quiet = _QUIET if _PROOFS <= self._proofs else _QUIET_AT_FIRST
        return max(quiet, _EASE * self._took) <= now - self._heard
