"""Keeps one upstream dialled for as long as its console session runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import structlog

from gateway.consoles.ports import Clock, Progress, Upstream
from gateway.consoles.pump import Pump
from gateway.consoles.states import STEPS, Connecting, ConsoleState, Live, Off, Reconnecting, Taken
from gateway.errors import (
    AccountRefused,
    MachineOff,
    RfbError,
    UpstreamError,
    UpstreamRefused,
    UpstreamTaken,
    UpstreamTakenOver,
)
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds between the moments of a link's life."""

    first_retry: float = 1.0
    last_retry: float = 30.0
    off: float = 15.0  # a VM that is turned off is asked again so gently
    taken: float = 22.0  # whoever took the screen is disturbed at most three times a minute
    taken_over: float = 8 * 3600.0  # longer than any session: nobody is thrown out unasked
    refused: float = 10.0  # a wrong password said often may lock us out
    account_refused: float = 300.0  # hosts lock an account for ten wrong logins in ten minutes
    account_floor: float = 60.0  # even where somebody asks for it
    quiet: float = 4.0  # an upstream that says nothing for so long is asked for a sign of life
    dead: float = 5.0  # and has so long to give one
    settled: float = 5.0  # a connection that lived so long counts as a success


TIMING: Final = Timing()
_LONGEST_WORDS: Final = 300


class Host(Protocol):
    """The console session, as its link sees it."""

    def became(self, state: ConsoleState) -> None:
        """The link is doing something else."""

    def opened(self, connection: ClientConnection) -> None:
        """An upstream is there; input may go to it."""

    def happened(self, events: Sequence[Event]) -> bool:
        """The upstream did something; the result says whether a frame was among it."""

    def lost(self) -> None:
        """The upstream is gone."""


class Link:
    """Dials, pumps, and dials again. INVARIANT: at most one upstream is open."""

    def __init__(
        self,
        dial: Callable[[Progress], Awaitable[Upstream]],
        host: Host,
        clock: Clock,
        timing: Timing = TIMING,
    ) -> None:
        self._dial = dial
        self._host = host
        self._clock = clock
        self._timing = timing
        self._upstream: Upstream | None = None
        self._attempt = 0
        self._short_lives = 0
        self._shown = False  # the open upstream has painted a frame
        self._waiting = asyncio.Event()
        self._barred: tuple[UpstreamError | RfbError, float] | None = None  # why, until when

    async def run(self) -> None:
        """Until cancelled; the upstream is closed then."""
        self._host.became(Connecting(STEPS[0], self._clock()))
        while True:
            error = await self._live_once()
            delay = self._delay(error)
            self._host.became(self._state(error, delay))
            log.info(
                "link.waits",
                why=error.code,
                error=_words(error),
                delay=round(delay, 1),
                attempt=self._attempt,
            )
            await self._wait(error, delay)

    async def _wait(self, error: UpstreamError | RfbError, delay: float) -> None:
        """For `delay` seconds; where somebody asks for a retry, no longer than `error` demands."""
        least = min(delay, self._floor(error))
        self._barred = error, asyncio.get_running_loop().time() + least
        await asyncio.sleep(least)
        self._barred = None
        try:
            async with asyncio.timeout(delay - least):
                await self._waiting.wait()
        except TimeoutError:
            pass
        self._waiting.clear()

    def retry(self) -> None:
        """Dial as soon as the kind of failure allows rather than later, and say when that is."""
        if self._upstream is not None or self._waiting.is_set():
            return
        self._waiting.set()
        if self._barred is not None:
            error, until = self._barred
            left = until - asyncio.get_running_loop().time()
            self._host.became(self._state(error, max(0.0, left)))

    def send(self, act: Callable[[ClientConnection], None]) -> None:
        """Let `act` say something to the upstream, at once; nothing where there is none."""
        if self._upstream is not None:
            act(self._upstream.connection)
            self._upstream.write(self._upstream.connection.data_to_send())

    async def _live_once(self) -> UpstreamError | RfbError:
        """One connection from dial to end; returns what ended it."""
        loop = asyncio.get_running_loop()
        try:
            upstream = await self._dial(self._progressed)
        except (UpstreamError, RfbError) as error:
            self._short_lives = 0
            return error
        born, ended = loop.time(), UpstreamError("the hypervisor closed the connection")
        try:
            self._upstream = upstream
            self._host.opened(upstream.connection)
            await self._pump(upstream)
            lost: UpstreamError | RfbError = ended
        except (UpstreamError, RfbError) as error:
            lost = error
        finally:
            self._upstream = None
            self._host.lost()
            await upstream.close()
        settled = self._timing.settled <= loop.time() - born
        self._short_lives = 0 if settled or lost is not ended else self._short_lives + 1
        if settled:
            self._attempt = 0
        if 2 <= self._short_lives:
            # Let in and shown out again: another client has the screen to itself.
            return UpstreamTaken("another console client took the screen")
        return lost

    async def _pump(self, upstream: Upstream) -> None:
        """Until the upstream ends. Raises: what broke it; UpstreamError where it fell silent."""
        self._shown = False
        self._happened(upstream.early)
        pump = Pump(upstream, self._happened)
        pump.start()
        try:
            while not await pump.over(self._quiet(pump)):
                if await self._silent(upstream, pump):
                    raise UpstreamError("the hypervisor does not answer any more")
        finally:
            pump.stop()

    def _happened(self, events: Sequence[Event]) -> None:
        if self._host.happened(events) and not self._shown:
            self._shown = True
            self._host.became(Live(self._clock()))

    def _quiet(self, pump: Pump) -> float:
        """In how many seconds the upstream has been quiet for long."""
        return max(0.0, pump.heard_at + self._timing.quiet - asyncio.get_running_loop().time())

    async def _silent(self, upstream: Upstream, pump: Pump) -> bool:
        """Whether it takes nothing, or gives no sign of life though asked for one."""
        now, dead = asyncio.get_running_loop().time(), self._timing.dead
        if upstream.full_since is not None and dead <= now - upstream.full_since:
            return True
        if 0.0 < self._quiet(pump):
            return False
        heard = pump.heard_at
        upstream.connection.probe()
        upstream.write(upstream.connection.data_to_send())
        return not await pump.over(dead) and pump.heard_at == heard

    def _progressed(self, step: str) -> None:
        if self._attempt == 0 and self._short_lives == 0:
            self._host.became(Connecting(str(step), self._clock()))

    def _delay(self, error: UpstreamError | RfbError) -> float:
        timing = self._timing
        self._attempt += 1
        match error:
            case MachineOff():
                return timing.off
            case UpstreamTakenOver():
                return timing.taken_over
            case UpstreamTaken():
                return timing.taken
            case AccountRefused():
                return timing.account_refused
            case _:
                most = min(timing.last_retry, timing.first_retry * 2**self._attempt)
                # Jitter, so that a node's sessions do not all dial in the same moment.
                delay = random.uniform(most / 2, most)  # noqa: S311 - no secret
                return max(delay, timing.refused) if isinstance(error, UpstreamRefused) else delay

    def _floor(self, error: UpstreamError | RfbError) -> float:
        """Seconds that must pass before the next dial, whoever asks for it."""
        match error:
            case UpstreamTaken():
                return self._timing.taken
            case AccountRefused():
                return self._timing.account_floor
            case UpstreamRefused():
                return self._timing.refused
            case _:
                return self._timing.first_retry

    def _state(self, error: UpstreamError | RfbError, delay: float) -> ConsoleState:
        retry_at = self._clock() + timedelta(seconds=delay)
        match error:
            case MachineOff():
                return Off(retry_at)
            case UpstreamTaken():
                return Taken(retry_at)
            case _:
                return Reconnecting(self._attempt, retry_at, error.code, _words(error))


def _words(error: UpstreamError | RfbError) -> str:
    """What it says, on one line that is not endless."""
    return " ".join(str(error).split())[:_LONGEST_WORDS]
