"""Every live console session of this node, and whoever is at the door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from gateway.consoles.meters import Meters
from gateway.consoles.participants import End, Participant
from gateway.consoles.ports import Clock, Dial, Machine, Review, StillAllowed
from gateway.consoles.rounds import Rounds
from gateway.consoles.session import OPERATOR_LINGER, ConsoleSession, Waiting
from gateway.errors import Refused
from gateway.policy.facts import Consent, EndCode

log = structlog.get_logger(__name__)

Predicate = Callable[[Participant], bool]


class Arrival:
    """Somebody at the door: registered, not yet decided upon.

    Whatever is ended or cut in the meantime is remembered, so that no revocation slips between
    the reading of the store and the seat in the session.
    """

    def __init__(self, consent_id: str) -> None:
        self.consent_id = consent_id
        self.end: End | None = None
        self._cuts: list[tuple[Predicate, End]] = []

    def cut(self, predicate: Predicate, end: End) -> None:
        """Some viewers are cut; whether this one is among them shows when it is identified."""
        self._cuts.append((predicate, end))

    def identified(self, participant: Participant) -> End | None:
        """Why this participant may not enter after all; None lets it in."""
        if self.end is not None:
            return self.end
        return next((end for predicate, end in self._cuts if predicate(participant)), None)


class Registry:
    """One console session per consent. INVARIANT: at most one upstream per VM."""

    def __init__(
        self,
        dial: Dial,
        clock: Clock,
        *,
        operator_linger: float = OPERATOR_LINGER,
        waiting: Waiting | None = None,
        meters: Meters | None = None,
        review: Review | None = None,
    ) -> None:
        """`review` answers for many at once; without it, each is asked by itself."""
        self._dial = dial
        self._meters = meters or Meters()
        self._clock = clock
        self._waiting = waiting or Waiting(operator_linger=operator_linger)
        self._sessions: dict[str, ConsoleSession] = {}  # by consent
        self._newest: dict[str, ConsoleSession] = {}  # by VM: ended ones too, until they closed
        self._arrivals: set[Arrival] = set()
        self._rounds = Rounds(self.sessions, review)
        self._tasks: asyncio.TaskGroup | None = None
        self._running = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Hold the sessions' tasks until `stop`; sessions can be opened meanwhile."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                rounds = [
                    tasks.create_task(self._rounds.watch_clock(), name="consoles: deadlines"),
                    tasks.create_task(self._rounds.keep_allowed(), name="consoles: rights"),
                ]
                self._running.set()
                await self._stopping.wait()
                for each in rounds:
                    each.cancel()
        finally:
            self._stopped.set()

    async def running(self) -> None:
        """Wait until sessions can be opened."""
        await self._running.wait()

    async def stop(self) -> None:
        """End every session, saying that the gateway restarts; return when all is closed."""
        if not self._running.is_set():
            return
        end = End(EndCode.RESTARTING, "gateway", "the gateway is restarting", self._clock())
        for arrival in self._arrivals:
            arrival.end = end
        for session in self.sessions():
            session.finish(end)
        self._stopping.set()
        await self._stopped.wait()

    def open(
        self, consent: Consent, machine: Machine, still_allowed: StillAllowed | None = None
    ) -> ConsoleSession:
        """The console session of that consent, begun if there is none.

        `still_allowed` says from now on why the whole session must end. Raises: Refused while
        stopping.
        """
        session = self.get(consent.id)
        if session is not None:
            session.still_allowed = still_allowed or session.still_allowed
            return session
        if self._tasks is None or self._stopping.is_set():
            raise Refused("Restarting", "the gateway is restarting")
        session = ConsoleSession(
            consent,
            machine,
            self._dial,
            self._clock,
            still_allowed=still_allowed,
            waiting=self._waiting,
            meters=self._meters,
            after=self._newest.get(consent.vm_key),
        )
        self._sessions[consent.id] = self._newest[consent.vm_key] = session
        self._tasks.create_task(self._live(session), name=f"console {session.id}")
        self.check_now()
        log.info("console.opened", session=session.id, vm=session.vm.name)
        return session

    def get(self, consent_id: str) -> ConsoleSession | None:
        """The live session of that consent."""
        session = self._sessions.get(consent_id)
        return session if session is not None and session.end is None else None

    def sessions(self) -> tuple[ConsoleSession, ...]:
        """Every live session."""
        return tuple(session for session in self._sessions.values() if session.end is None)

    @contextmanager
    def arriving(self, consent_id: str) -> Iterator[Arrival]:
        """Register somebody before deciding about them; leave when they are seated or refused."""
        arrival = Arrival(consent_id)
        self._arrivals.add(arrival)
        try:
            yield arrival
        finally:
            self._arrivals.discard(arrival)

    def end(self, consent_id: str, end: End) -> None:
        """End the session of that consent, and turn away whoever is on their way to it."""
        for arrival in self._arrivals:
            if arrival.consent_id == consent_id:
                arrival.end = arrival.end or end
        if session := self.get(consent_id):
            session.finish(end)

    def cut_viewers(self, predicate: Predicate, end: End) -> int:
        """Cut every viewer that `predicate` names, also those at the door; returns how many."""
        for arrival in self._arrivals:
            arrival.cut(predicate, end)
        return sum(session.cut_viewers(predicate, end) for session in self.sessions())

    def check_now(self) -> None:
        """Let the store be re-read for every session and viewer at once."""
        self._rounds.now()

    async def _live(self, session: ConsoleSession) -> None:
        try:
            await session.run()
        except Exception:
            # One session's fault ends that session and no other.
            log.exception("console.failed", session=session.id)
        finally:
            if self._sessions.get(session.consent.id) is session:
                del self._sessions[session.consent.id]
            if self._newest.get(session.consent.vm_key) is session:
                del self._newest[session.consent.vm_key]
