"""The queue: each VM one at a time, in the order asked for, and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.actions import recovery_queue
from gateway.actions.recover import start_recovery
from gateway.actions.recovery_queue import RecoveryQueue
from gateway.bus import RecoveryChanged
from gateway.errors import StoreUnavailable
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.recovery.calls import Answer, Call, SetPassword
from gateway.store import RecoveryAction
from tests.actions.guests import obliging
from tests.actions.world import FAR01, WEB01, WEB02, World


@asynccontextmanager
async def running(world: World, queue: RecoveryQueue) -> AsyncIterator[None]:
    object.__setattr__(world.s, "recoveries", queue)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(world.s), name="queue")
        yield
        queue.stop()


async def ask(world: World, machine: object = WEB01, password: str = "A-password-1") -> str:
    tina = await world.session("tina")
    begun = await start_recovery(
        world.s,
        tina.actor,
        resource_id=machine.vm.resource_id,  # type: ignore[attr-defined]
        kind="set_password",
        user="anna",
        password=password,
        now=world.now,
    )
    world.clock.advance(seconds=1)
    return begun.id


async def settled(world: World, wanted: int) -> tuple[RecoveryAction, ...]:
    """Once `wanted` actions are over: all of them."""
    changed = asyncio.Event()

    def hear(_fact: RecoveryChanged) -> None:
        changed.set()

    leave = world.bus.subscribe(RecoveryChanged, hear)
    async with asyncio.timeout(30):
        while True:
            changed.clear()
            async with world.store.reading() as unit:
                found = await unit.recovery_actions.history(100)
            if wanted <= sum(action.state not in OPEN_STATES for action in found):
                leave()
                return found
            await changed.wait()


async def test_each_vm_is_asked_one_thing_at_a_time_in_the_order_of_asking(world: World) -> None:
    at_once, most, order = 0, 0, []

    async def slow(call: Call) -> Answer:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if isinstance(call, SetPassword):
            order.append(call.password.reveal())
        return await obliging(call)

    world.guests.of(WEB01).answer = slow
    async with running(world, RecoveryQueue()):
        for number in range(4):
            await ask(world, password=f"Password-{number}")
        await settled(world, 4)
    assert (most, order) == (1, [f"Password-{number}" for number in range(4)])


async def test_a_vm_that_hangs_keeps_no_other_waiting(world: World) -> None:
    free = asyncio.Event()

    async def hanging(call: Call) -> Answer:
        await free.wait()
        return await obliging(call)

    world.guests.of(WEB01).answer = hanging
    async with running(world, RecoveryQueue()):
        stuck = await ask(world)
        other = await ask(world, WEB02)
        found = {action.id: action.state for action in await settled(world, 1)}
        assert found == {stuck: ActionState.REQUESTED, other: ActionState.DONE}
        free.set()
        await settled(world, 2)


async def test_what_was_requested_before_the_start_is_carried_out(world: World) -> None:
    await ask(world)
    async with running(world, RecoveryQueue()):
        (action,) = await settled(world, 1)
    assert action.state is ActionState.DONE


async def test_another_nodes_actions_are_left_to_it(world: World) -> None:
    far = await ask(world, FAR01)
    near = await ask(world)
    async with running(world, RecoveryQueue()):
        found = {action.id: action.state for action in await settled(world, 1)}
    assert found == {far: ActionState.REQUESTED, near: ActionState.DONE}
    object.__setattr__(world, "s", replace(world.s, node="AzS-ERCS02"))
    async with running(world, RecoveryQueue()):
        await settled(world, 2)


async def test_a_fault_of_ours_ends_the_action_and_not_the_queue(world: World) -> None:
    async def broken(call: Call) -> Answer:
        raise ZeroDivisionError("a fault")

    world.guests.of(WEB01).answer = broken
    async with running(world, RecoveryQueue()):
        failed = await ask(world)
        done = await ask(world, WEB02)
        found = {action.id: action.state for action in await settled(world, 2)}
    assert found == {failed: ActionState.FAILED, done: ActionState.DONE}


async def test_a_store_that_comes_back_finds_the_queue_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery_queue, "LOOK_EVERY", 0.01)
    carried_out, gone = recovery_queue.carry_out, iter([True, True])

    async def unsteady(s: object, action_id: str) -> None:
        if next(gone, False):
            raise StoreUnavailable("gone")
        await carried_out(s, action_id)  # type: ignore[arg-type]

    monkeypatch.setattr(recovery_queue, "carry_out", unsteady)
    async with running(world, RecoveryQueue()):
        await ask(world)
        (action,) = await settled(world, 1)
    assert action.state is ActionState.DONE
