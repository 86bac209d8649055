"""Where a check plays: a backend of its own on a loop of its own, and everything that is told."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import signal
import socket
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

import psutil
import pytest

from gateway.backends import Backend, Backends, Progress, Step, Upstream, backends_of
from gateway.conformance.entries import Entry
from gateway.conformance.relay import Relay, Weather
from gateway.conformance.remains import Remains, descendants, left_since, remains
from gateway.conformance.watching import Watching
from gateway.errors import RfbError, UpstreamError
from gateway.inventory import Machine

PROMISED: Final = (UpstreamError, RfbError, OSError)
_HUNG: Final = 60.0  # seconds without a step of the check

# What loops say of a connection that was aborted as its TLS began; no protocol had a part in it.
_OWN: Final = "Fatal error on "

Loop = Callable[[], asyncio.AbstractEventLoop]


@dataclass(frozen=True)
class Limits:
    """`patience` stretches every limit of time; the others say how often."""

    patience: float = 1.0
    cycles: int = 20
    cancels: int = 200
    cuts: int = 12

    @property
    def deadline(self) -> float:
        """Seconds that the gateway gives a dial."""
        return 10.0 * self.patience

    @property
    def picture(self) -> float:
        """Seconds from the handshake to a picture."""
        return 10.0 * self.patience

    @property
    def close(self) -> float:
        return 1.0 * self.patience

    @property
    def notice(self) -> float:
        """Seconds in which an end that was told by the network is told on."""
        return 2.0 * self.patience

    @property
    def settle(self) -> float:
        """Seconds in which what was let go of is gone."""
        return 5.0 * self.patience


class Stage:
    """One console of the inventory, and the backend that dials it."""

    backend: Backend

    def __init__(self, entry: Entry, limits: Limits) -> None:
        self.entry = entry
        self.limits = limits
        self.loop: Loop | None = _usual_loop()
        self.seen: frozenset[psutil.Process] = frozenset()  # children of any moment
        self._complaints: list[str] = []  # what the loop was told, as nobody else was there
        self._warned: list[warnings.WarningMessage] = []
        with asyncio.Runner(loop_factory=self.loop) as runner:
            runner.run(_settle_in())

    def run(self, body: Callable[[], Awaitable[None]]) -> None:
        """Play `body`. Raises: what it raises; Failed for an error that nobody took."""
        gc.collect()  # what others left is not this one's
        with warnings.catch_warnings(record=True) as self._warned:
            warnings.simplefilter("always")
            with (
                _watched(_HUNG * self.limits.patience),
                asyncio.Runner(loop_factory=self.loop) as runner,
            ):
                runner.get_loop().set_exception_handler(self._heed)
                runner.run(self._play(body))
            gc.collect()
        if self._complaints:
            pytest.fail(f"errors that nobody took: {'; '.join(self._complaints)}", pytrace=False)

    async def _play(self, body: Callable[[], Awaitable[None]]) -> None:
        await _settle_in()
        backends = self._made()
        try:
            await body()
        finally:
            await backends.close()

    def _made(self) -> Backends:
        scheme = self.entry.console.scheme
        by_scheme = backends_of({scheme: self.entry.kind})
        self.backend = by_scheme[scheme]
        self._backends = Backends(by_scheme, deadline=self.limits.deadline)
        return self._backends

    async def dial(
        self, machine: Machine | None = None, progress: Progress | None = None
    ) -> Upstream:
        """As the gateway does."""
        still_alive()
        upstream = await self._backends.dial(machine or self.entry.machine, progress or ignore)
        self.note_children()
        return upstream

    async def dial_bare(
        self, machine: Machine | None = None, within: float | None = None
    ) -> Upstream:
        """Without what the gateway makes of errors. Raises: TimeoutError, and what is raised."""
        still_alive()
        async with asyncio.timeout(within or self.limits.deadline):
            return await self.backend.dial(machine or self.entry.machine, ignore)

    async def refusal(self, machine: Machine) -> BaseException | None:
        """The promised error that the dial ends with, None where it does not. Fails for others."""
        try:
            upstream = await self.dial_bare(machine)
        except PROMISED as error:
            return error
        except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
            pytest.fail(f"the dial raised {_kind(error)}, which is not promised", pytrace=False)
        await upstream.close()
        return None

    @asynccontextmanager
    async def shown(self, machine: Machine | None = None) -> AsyncIterator[Watching]:
        """The console, with a first picture."""
        watching = Watching(await self.dial(machine))
        async with watching:
            await watching.until(lambda: watching.frames, self.limits.picture)
            yield watching

    @asynccontextmanager
    async def relayed(self) -> AsyncIterator[tuple[Relay, Machine]]:
        """The machine with a relay before it, through which it was reached; skips otherwise."""
        console = self.entry.console
        if console.host is None or console.port is None:
            pytest.skip("the console has no host and port to put a relay before")
        async with Relay(console.host, console.port) as relay:
            machine = self.entry.at(
                host="127.0.0.1",
                port=relay.port,
                server_name=console.server_name or (console.host if console.tls else None),
            )
            try:
                await (await self.dial(machine)).close()
            except (UpstreamError, RfbError) as error:
                pytest.skip(f"the console cannot be reached through a relay: {error}")
            if not relay.passed:
                pytest.skip("the backend does not come by the entry's host and port")
            await relay.emptied(self.limits.settle)
            relay.begin(Weather())
            yield relay, machine

    def note_children(self) -> None:
        self.seen |= descendants()

    async def nothing_since(self, before: Remains, when: str) -> None:
        """Fails where something is there that was not."""
        left = await left_since(before, self.limits.settle, self.seen)
        assert not left, f"left behind {when}: {', '.join(left)}"

    def nothing_dropped(self) -> None:
        """Fails where something was left to the garbage collector; called when all is over."""
        dropped = [str(each.message) for each in self._warned if _is_dropped(each)]
        assert not dropped, f"left to the garbage collector: {'; '.join(dropped)}"

    def _heed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if str(context.get("message")).startswith(_OWN):
            return
        error = context.get("exception")
        why = f" ({_kind(error)})" if isinstance(error, BaseException) else ""
        self._complaints.append(f"{context.get('message', 'no message')}{why}")


def check(body: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A check that is played on its `stage`, whatever else runs coroutines in this pytest."""

    @functools.wraps(body)
    def run(**fixtures: Any) -> None:
        stage: Stage = fixtures["stage"]
        stage.run(functools.partial(body, **fixtures))

    del run.__wrapped__
    run.__signature__ = inspect.signature(body)  # type: ignore[attr-defined]
    return run


def baseline() -> Remains:
    """What is there now."""
    return remains()


def still_alive() -> None:
    """The check takes another step: it does not hang."""
    seconds, again = _Watch.seconds, _Watch.again
    if seconds:
        signal.setitimer(signal.ITIMER_REAL, seconds, again)


class _Watch:
    seconds = 0.0
    again = 5.0


class _HungError(KeyboardInterrupt):
    """Nothing less than an interrupt leaves a loop whose task takes no cancellation."""


@contextmanager
def _watched(seconds: float) -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise _HungError

    handler = signal.signal(signal.SIGALRM, interrupt)
    _Watch.seconds = seconds
    timer = signal.setitimer(signal.ITIMER_REAL, seconds, _Watch.again)
    try:
        yield
    except _HungError:
        pytest.fail(f"hung for {seconds:g} s, and takes no cancellation", pytrace=False)
    finally:
        _Watch.seconds = 0.0
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


async def _settle_in() -> None:
    """Have the loop open what it opens once and keeps: libuv's spare file and the signals' pipe."""
    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=ours
        )
        transport.abort()
        await asyncio.sleep(0)


def _usual_loop() -> Loop | None:
    """The one that the gateway runs on."""
    try:
        import uvloop  # noqa: PLC0415 - it is not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _is_dropped(warning: warnings.WarningMessage) -> bool:
    text = str(warning.message)
    return issubclass(warning.category, ResourceWarning) or "never awaited" in text


def _kind(error: BaseException) -> str:
    """An error's class and words, which are bounded."""
    return f"{type(error).__name__}: {str(error)[:200]}"


def ignore(step: Step) -> None:
    """For dials whose steps do not matter."""
