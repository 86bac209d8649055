"""Whether those who were admitted may all still be there, by one reading of the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from types import MethodType

from gateway.actions.grounds import Grounds, Wanted, read_grounds
from gateway.actions.still_allowed import SEEN_EVERY, SessionCheck, note_seen
from gateway.policy.facts import EndCode
from gateway.store import Store
from gateway.store.databases import Version

TOGETHER = SEEN_EVERY / 2
"""Whoever is to be noted as seen so soon is noted with those who are due: one commit for all."""

Asked = Callable[[], Awaitable[EndCode | None]]


class Rereading:
    """Judges every session and viewer of a node together.

    INVARIANT: what it keeps from one round to the next counts only while nothing was committed;
    it is judged anew every time, for time passes.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._kept: tuple[Version | None, Wanted, Grounds] | None = None
        self._here: tuple[SessionCheck, ...] = ()

    async def why_not(self, asked: Sequence[Asked], *, afresh: bool) -> Sequence[EndCode | None]:
        """What each of these checks would say. Raises: StoreUnavailable."""
        self._here = ()
        checks = [_check(each) for each in asked]
        if not checks:
            self._kept = None
            return []
        grounds = await self._grounds(Wanted.by(check.wanted for check in checks), afresh=afresh)
        now = self._clock()
        codes = [check.judge(grounds, now) for check in checks]
        self._here = tuple(c for c, code in zip(checks, codes, strict=True) if code is None)
        return codes

    async def note_seen(self) -> None:
        """Note that those who may stay are here, where it is time to. Raises: StoreUnavailable."""
        if self._kept is None:
            return
        _, _, grounds = self._kept
        now = self._clock()
        if any(check.unseen(grounds, now) for check in self._here):
            soon = now + TOGETHER
            due = [check for check in self._here if check.unseen(grounds, soon)]
            await note_seen(self._store, due, now)

    async def _grounds(self, wanted: Wanted, *, afresh: bool) -> Grounds:
        # Before the rows: a commit in between makes the next round read again, never miss it.
        version = await self._store.version()
        if not afresh and version is not None and self._kept is not None:
            kept_version, known, grounds = self._kept
            if kept_version == version and wanted.within(known):
                return grounds
        grounds = await read_grounds(self._store, wanted)
        self._kept = version, wanted, grounds
        return grounds


def _check(asked: Asked) -> SessionCheck:
    """Whose question it is: an admission's is a bound method of its check."""
    match asked:
        case MethodType(__self__=SessionCheck() as check):
            return check
    raise TypeError("only the questions of admissions are judged together")
