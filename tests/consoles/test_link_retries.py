"""Who asks for a retry is heard, but no hypervisor is dialled more often than it bears."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from gateway.consoles.link import Link, Timing
from gateway.consoles.ports import Progress, Upstream
from gateway.consoles.states import ConsoleState, Reconnecting
from gateway.errors import (
    AccountRefused,
    MachineOff,
    UpstreamError,
    UpstreamRefused,
    UpstreamTaken,
    UpstreamTakenOver,
)
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event


class Onlooker:
    """A host to whom nothing matters."""

    def became(self, state: ConsoleState) -> None: ...

    def opened(self, connection: ClientConnection) -> None: ...

    def lost(self) -> None: ...

    def happened(self, events: Sequence[Event]) -> bool:
        return bool(events)


@pytest.mark.parametrize(
    ("error", "least"),
    [
        (UpstreamTaken("taken"), 0.2),
        (UpstreamTakenOver("taken over"), 0.2),
        (UpstreamRefused("wrong password"), 0.15),
        (AccountRefused("unknown user"), 0.25),
        (UpstreamError("gone"), 0.05),
        (MachineOff("off"), 0.05),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
async def test_whoever_asks_for_retries_cannot_shorten_the_least_wait(
    error: UpstreamError, least: float
) -> None:
    timing = Timing(
        first_retry=0.05, last_retry=60, off=60, taken=0.2, refused=0.15, account_floor=0.25
    )
    dialled: list[float] = []
    loop = asyncio.get_running_loop()

    async def dial(_: Progress) -> Upstream:
        dialled.append(loop.time())
        raise error

    link = Link(dial, Onlooker(), lambda: datetime.now(UTC), timing)
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(5):
            while len(dialled) < 4:
                link.retry()
                await asyncio.sleep(0.001)
    finally:
        running.cancel()
        await asyncio.wait([running])
    pauses = [after - before for before, after in itertools.pairwise(dialled)]
    # Not much later either: a retry is worth its click.
    assert all(least - 0.005 <= pause < least + 0.2 for pause in pauses)


@pytest.mark.parametrize(
    "error",
    [UpstreamTakenOver("another client took the console over"), AccountRefused("unknown user")],
    ids=lambda error: type(error).__name__,
)
async def test_some_consoles_are_not_dialled_again_unasked(error: UpstreamError) -> None:
    timing = Timing(
        first_retry=0.01, last_retry=0.02, taken=0.01, refused=0.01, account_floor=0.01
    )  # fmt: skip
    dialled = 0

    async def dial(_: Progress) -> Upstream:
        nonlocal dialled
        dialled += 1
        raise error

    link = Link(dial, Onlooker(), lambda: datetime.now(UTC), timing)
    running = asyncio.create_task(link.run())
    await asyncio.sleep(0.3)
    assert dialled == 1
    link.retry()
    async with asyncio.timeout(5):
        while dialled < 2:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])


async def test_whoever_asks_for_a_retry_is_told_when_it_comes() -> None:
    async def dial(_: Progress) -> Upstream:
        raise AccountRefused("unknown user")

    told: list[Reconnecting] = []
    waits = asyncio.Event()

    class Reader(Onlooker):
        def became(self, state: ConsoleState) -> None:
            if isinstance(state, Reconnecting):
                told.append(state)
                waits.set()

    link = Link(dial, Reader(), lambda: datetime.now(UTC))
    running = asyncio.create_task(link.run())
    await waits.wait()
    await asyncio.sleep(0)  # it waits now
    link.retry()
    link.retry()
    running.cancel()
    await asyncio.wait([running])
    unasked, asked = told  # once, however often it is asked for
    sooner = (unasked.retry_at - asked.retry_at).total_seconds()
    assert 235 < sooner <= 245
    assert (asked.attempt, asked.words) == (1, "unknown user")


def test_the_least_waits_are_those_that_hypervisors_bear() -> None:
    timing = Timing()
    assert 60 / timing.taken <= 3
    assert 8 * 3600 <= timing.taken_over  # a consent's life
    assert (timing.refused, timing.first_retry) == (10, 1)
    # Windows' baseline locks an account for ten wrong logins within ten minutes.
    assert 600 / timing.account_floor <= 10
    assert 600 / timing.account_refused <= 2
