"""Wherever the gateway dies, nothing that changes a guest is done twice and no row is lost.

The gateway is killed, its store goes away, its guests fall silent and its tenant cancels, each at
points that hypothesis chooses; then it starts again, as often as it takes.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.actions import errand
from gateway.actions.asking import handler_named, request_of
from gateway.actions.carry_out import carry_out, settle_after_restart
from gateway.actions.extensions import apply_extension
from gateway.actions.recover import cancel_recovery, start_recovery
from gateway.actions.services import Services
from gateway.errors import GatewayError, GuestLost, GuestUnreachable, StoreUnavailable
from gateway.inventory import Machine
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.recovery.calls import Answer, Call
from gateway.recovery.plan import Plan, plan_for
from gateway.store import Intact, RecoveryAction, Store, Unit
from gateway.store.databases import database_at
from tests.actions.guests import obliging
from tests.actions.test_extensions import request
from tests.actions.world import WEB01, WEB02, World

Fault = Literal["kill", "fail", "cancel"]
Ask = Callable[[World, str], Awaitable[None]]
MOST_STARTS = 40


class Killed(BaseException):
    """The process is gone; nothing in it gets to clean up."""


@dataclass
class Fuse:
    """Counts the moments at which something can go wrong, and has it go wrong at some."""

    faults: dict[int, Fault]
    moment: int = 0

    def burn(self) -> Fault | None:
        self.moment += 1
        fault = self.faults.get(self.moment)
        if fault == "kill":
            raise Killed
        return fault


@dataclass
class MortalStore:
    """The store, which goes away before a unit, in it, or when its commit is not yet heard of."""

    store: Store
    fuse: Fuse

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        return self._with(self.store.unit())

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        return self._with(self.store.reading())

    @asynccontextmanager
    async def _with(self, inner: AbstractAsyncContextManager[Unit]) -> AsyncIterator[Unit]:
        self._burn()
        async with inner as unit:
            yield unit
            self._burn()
        self._burn()

    def _burn(self) -> None:
        if self.fuse.burn() == "fail":
            raise StoreUnavailable("gone")


@dataclass
class MortalGuests:
    """Obliging guests that count what was done in them, action by action."""

    world: World
    fuse: Fuse
    current: str = ""
    done: Counter[tuple[str, Call]] = field(default_factory=Counter)
    lost: set[tuple[str, Call]] = field(default_factory=set)

    async def power(self, _guest: Machine) -> str:
        return "running"

    async def facts(self, _guest: Machine) -> None:
        return None

    @asynccontextmanager
    async def agent(self, _guest: Machine) -> AsyncIterator[MortalGuests]:
        if self.fuse.burn() == "fail":
            raise GuestUnreachable("silent")
        yield self

    async def perform(self, call: Call) -> Answer:
        match self.fuse.burn():
            case "fail":
                raise GuestUnreachable("nothing was sent")
            case "cancel":
                await cancel(self.world, self.current)
        self.done[self.current, call] += 1
        if self.fuse.burn() == "fail":
            self.lost.add((self.current, call))
            raise GuestLost("no answer")
        return await obliging(call)


async def cancel(world: World, action_id: str) -> None:
    tina = await world.session("tina")
    with suppress(GatewayError):
        await cancel_recovery(world.s, tina.actor, action_id, now=world.now)


async def ask_one(world: World, tag: str) -> None:
    """A password, by an ARM client."""
    tina = (await world.session("tina")).actor
    where = WEB01.vm.resource_id
    wanted = request(force_update_tag=tag)
    await apply_extension(
        world.s, tina, resource_id=where, request=wanted, location="local", now=world.now
    )


async def ask_three(world: World, tag: str) -> None:
    """That; and by the pages, SSH in the same VM and the disks in another."""
    await ask_one(world, tag)
    tina = (await world.session("tina")).actor
    for machine, kind in ((WEB01, "reset_ssh"), (WEB02, "check_disk")):
        where = machine.vm.resource_id
        await start_recovery(world.s, tina, resource_id=where, kind=kind, now=world.now)


async def live_through(world: World, guests: MortalGuests, fuse: Fuse) -> None:
    """Start, be killed and start again until nothing is left to do."""
    s: Services = replace(
        world.s,
        store=MortalStore(world.store, fuse),  # type: ignore[arg-type]
        guests=guests,
    )
    started = False
    for _ in range(MOST_STARTS):
        if started and not await in_states(world, OPEN_STATES):
            return
        try:
            if not started:
                await settle_after_restart(s, world.now)
                started = True
            for action in await in_states(world, {ActionState.REQUESTED}):
                guests.current = action.id
                await carry_out(s, action.id)
        except Killed:
            started = False
        except StoreUnavailable:
            pass  # the queue looks again later; a start that failed is tried again
    pytest.fail("something is left that nobody carries on")


async def in_states(
    world: World, states: set[ActionState] | frozenset[ActionState]
) -> tuple[RecoveryAction, ...]:
    async with world.store.reading() as unit:
        return await unit.recovery_actions.in_states(states)


def changing(plan: Plan) -> list[Call]:
    return [step.call for step in plan.steps if step.changes]


async def check(world: World, guests: MortalGuests, asked: tuple[RecoveryAction, ...]) -> None:
    async with world.store.reading() as unit:
        extensions = await unit.extensions.list(WEB01.vm.resource_id)
        now = [await unit.recovery_actions.get(action.id) for action in asked]
    assert {each.provisioning_state for each in extensions} <= {"Succeeded", "Failed", "Canceled"}
    for before, after in zip(asked, now, strict=True):
        assert after is not None, "no row is lost"
        assert (after.protected, after.ended_at) == (None, world.now)
        check_one(world, guests, before, after)


def check_one(
    world: World, guests: MortalGuests, before: RecoveryAction, after: RecoveryAction
) -> None:
    plan = plan_for(request_of(world.s, before), handler_named(before.handler))
    assert isinstance(plan, Plan)
    calls = [(before.id, step.call) for step in plan.steps if step.changes]
    times = [guests.done[call] for call in calls]
    assert max(times) <= 1, "nothing that changes the guest is done twice"
    if guests.lost & set(calls):
        assert after.state is ActionState.UNKNOWN, "nobody can know"
    match after.state:
        case ActionState.DONE:
            assert sum(times)
        case ActionState.CANCELLED:
            assert (sum(times), after.sent_at) == (0, None)
        case ActionState.UNKNOWN:
            assert after.sent_at, "only what was sent is in doubt"
        case ActionState.FAILED:
            assert after.sent_at or not sum(times)
        case _:
            pytest.fail(f"left behind as {after.state}")


@dataclass
class Stage:
    """One world for many runs; each asks for something new in it."""

    runner: asyncio.Runner
    world: World
    runs: int = 0

    def run(self, faults: dict[int, Fault], ask: Ask) -> int:
        """Ask, live through `faults` and check; how many moments there were."""
        self.runs += 1
        return self.runner.run(self._run(faults, ask))

    async def _run(self, faults: dict[int, Fault], ask: Ask) -> int:
        await ask(self.world, str(self.runs))
        asked = await in_states(self.world, {ActionState.REQUESTED})
        fuse = Fuse(faults)
        guests = MortalGuests(self.world, fuse)
        await live_through(self.world, guests, fuse)
        await check(self.world, guests, asked)
        if not faults:
            assert {action.id for action in asked} <= {
                action.id for action in await in_states(self.world, {ActionState.DONE})
            }
        return fuse.moment


@pytest.fixture
def stage(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(errand, "STORE_PAUSE", 0)
    path = Path(shutil.copy(template, tmp_path))
    with asyncio.Runner() as runner:
        store = Store(database_at(f"sqlite:///{path}"))
        world = World(store)
        runner.run(world.load())
        yield Stage(runner, world)
        runner.run(check_audit(world))
        runner.run(store.close())


async def check_audit(world: World) -> None:
    async with world.store.reading() as unit:
        assert isinstance(await unit.audit.verify(()), Intact)
    records = [record for record in await world.audit() if record.action == "recovery.end"]
    ends = [record.facts["action"] for record in records]
    assert len(set(ends)) == len(ends), "each ends once"


FAULTS = st.dictionaries(
    st.integers(1, 130), st.sampled_from(["kill", "kill", "fail", "cancel"]), max_size=8
)


@example(faults={})
@given(faults=FAULTS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_wherever_it_dies_nothing_is_done_twice_and_no_row_is_lost(
    stage: Stage, faults: dict[int, Fault]
) -> None:
    stage.run(faults, ask_three)


@pytest.mark.parametrize("fault", ["kill", "fail"])
def test_at_each_moment_in_turn(stage: Stage, fault: Fault) -> None:
    moment, moments = 0, stage.run({}, ask_one)
    while (moment := moment + 1) <= moments:
        stage.run({moment: fault}, ask_one)
    assert 20 < moments
