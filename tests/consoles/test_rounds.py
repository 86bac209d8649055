"""The node's rounds: everybody is asked about together, and one clock is watched for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.consoles.ports import StillAllowed
from gateway.consoles.rounds import Rounds
from gateway.errors import StoreUnavailable
from gateway.policy.facts import EndCode
from tests.doubles.console_stage import eventually


@dataclass
class Watched:
    """Stands in for a session with one viewer."""

    says: EndCode | Exception | None = None
    left: float = 3600.0
    refused: list[EndCode] = field(default_factory=list)
    fault: Exception | None = None
    gave_up: bool = False
    id: str = "watched"
    looks: int = 0
    looks_at_viewers: int = 0

    async def answer(self) -> EndCode | None:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def questions(self) -> Iterator[tuple[StillAllowed, Callable[[EndCode], None]]]:
        yield self.answer, self.refused.append

    def look_at_clock(self) -> float:
        self.looks += 1
        if self.fault is not None:
            raise self.fault
        return self.left

    def give_up(self) -> None:
        self.gave_up = True

    def look_at_viewers(self) -> None:
        self.looks_at_viewers += 1


@dataclass
class Reviewer:
    """Answers for all, as it is told to."""

    says: EndCode | Exception | None = None
    notes: Exception | None = None
    rounds: list[tuple[int, bool]] = field(default_factory=list)  # how many, and whether afresh
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    wait: asyncio.Event | None = None

    async def why_not(
        self, asked: Sequence[StillAllowed], *, afresh: bool
    ) -> Sequence[EndCode | None]:
        self.rounds.append((len(asked), afresh))
        self.begun.set()
        if self.wait is not None:
            await self.wait.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return [self.says] * len(asked)

    async def note_seen(self) -> None:
        if self.notes is not None:
            raise self.notes


@asynccontextmanager
async def going(rounds: Rounds) -> AsyncIterator[asyncio.Task[None]]:
    tasks = [asyncio.create_task(each()) for each in (rounds.keep_allowed, rounds.watch_clock)]
    try:
        yield tasks[0]
    finally:
        for task in tasks:
            task.cancel()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.consoles.rounds.CHECK_SECONDS", 0.05)


async def test_a_round_asks_about_everybody_together() -> None:
    reviewer, everybody = Reviewer(EndCode.WITHDRAWN), [Watched() for _ in range(40)]
    async with going(Rounds(lambda: everybody, reviewer)):  # type: ignore[arg-type, return-value]
        await eventually(lambda: 2 <= len(reviewer.rounds))
    # The first reads for itself; after that, what was read counts until something is committed.
    assert reviewer.rounds[:2] == [(40, True), (40, False)]
    assert all(each.refused[0] is EndCode.WITHDRAWN for each in everybody)


@pytest.mark.rule(2)
async def test_told_during_a_round_it_goes_round_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the round has read may be older than what it is told of."""
    monkeypatch.setattr("gateway.consoles.rounds.CHECK_SECONDS", 60)
    reviewer, one = Reviewer(wait=asyncio.Event()), Watched()
    rounds = Rounds(lambda: [one], reviewer)  # type: ignore[arg-type, list-item]
    async with going(rounds):
        await reviewer.begun.wait()
        rounds.now()
        assert reviewer.wait is not None
        reviewer.wait.set()
        await eventually(lambda: len(reviewer.rounds) == 2, 1)
    assert reviewer.rounds == [(1, True), (1, True)]


@pytest.mark.rule(10)
async def test_without_the_store_nobody_is_refused_and_the_rounds_go_on() -> None:
    reviewer, one = Reviewer(StoreUnavailable("locked")), Watched()
    async with going(Rounds(lambda: [one], reviewer)):  # type: ignore[arg-type, list-item]
        await eventually(lambda: 3 <= len(reviewer.rounds))
        assert one.refused == []
        reviewer.says = EndCode.REVOKED
        await eventually(lambda: one.refused)


async def test_what_cannot_be_judged_together_is_judged_one_by_one() -> None:
    """One unreadable row ends whom it is about: nobody else, and no later than at once."""
    broken, gone, fine = Watched(ValueError("no such word")), Watched(EndCode.LEFT), Watched()
    out_of_reach = Watched(StoreUnavailable("locked"))
    everybody = [broken, gone, fine, out_of_reach]
    reviewer = Reviewer(ValueError("no such word"))
    async with going(Rounds(lambda: everybody, reviewer)) as task:  # type: ignore[arg-type, return-value]
        await eventually(lambda: 2 <= len(reviewer.rounds))
        assert not task.done()
    assert broken.refused[0] is EndCode.RESTARTING
    assert gone.refused[0] is EndCode.LEFT
    assert fine.refused == out_of_reach.refused == []


@pytest.mark.parametrize("fault", [StoreUnavailable("locked"), ValueError("a fault of ours")])
async def test_what_cannot_be_noted_ends_nobody(fault: Exception) -> None:
    reviewer, one = Reviewer(notes=fault), Watched()
    async with going(Rounds(lambda: [one], reviewer)):  # type: ignore[arg-type, list-item]
        await eventually(lambda: 3 <= len(reviewer.rounds))
    assert one.refused == []


async def test_the_clock_is_looked_at_no_later_than_the_next_deadline() -> None:
    soon, over, far = Watched(left=0.02), Watched(left=-1.0), Watched()
    everybody = [far]
    rounds = Rounds(lambda: everybody, Reviewer())  # type: ignore[arg-type, return-value]
    watching = asyncio.create_task(rounds.watch_clock())
    await asyncio.sleep(0.6)
    assert far.looks == 3
    # What is over and does not go away is no reason to spin.
    everybody.append(over)
    await asyncio.sleep(0.5)
    assert over.looks <= 3
    everybody.append(soon)
    await eventually(lambda: 5 <= soon.looks, 1)
    watching.cancel()


async def test_viewers_are_looked_at_once_a_second() -> None:
    one = Watched()
    rounds = Rounds(lambda: [one], Reviewer())  # type: ignore[arg-type, list-item]
    async with going(rounds):
        await eventually(lambda: one.looks_at_viewers == 1, 1.5)
        assert 4 <= one.looks <= 6


async def test_a_session_that_fails_stops_nobody_elses_clock() -> None:
    broken, fine = Watched(fault=ValueError("a fault of ours")), Watched()
    rounds = Rounds(lambda: [broken, fine], Reviewer())  # type: ignore[arg-type, list-item]
    async with going(rounds):
        await eventually(lambda: 2 <= fine.looks)
    assert broken.gave_up
    assert not fine.gave_up
