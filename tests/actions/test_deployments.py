"""Template deployments: what waits for what, how one ends, and what is left of its secrets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.actions import advance_deployment as advancing
from gateway.actions.advance_deployment import advance_deployment
from gateway.actions.deployment_queue import DeploymentQueue
from gateway.actions.deployments import (
    Started,
    cancel_deployment,
    list_deployments,
    remove_deployment,
    see_deployment,
    start_deployment,
)
from gateway.bus import DeploymentChanged, RecoveryChanged
from gateway.deployment.progress import DeploymentState, StepState
from gateway.errors import Conflict, DeploymentRefused, NotFound, Refused, StoreUnavailable
from gateway.policy.facts import Role
from gateway.recovery.calls import Done, SetPassword
from gateway.store import Deployment
from tests.actions import scale_set
from tests.actions.deploying import (
    GROUP,
    RESOURCE_ID,
    SCOPE,
    SECRET,
    carry_out_begun,
    extension,
    now_of,
    request,
    start,
    to_its_end,
    vm,
)
from tests.actions.guests import obliging
from tests.actions.world import WEB01, WEB02, World


def states(deployment: Deployment) -> list[str]:
    return [step.state.value for step in deployment.steps]


async def failing(call: Any) -> Any:
    """Every program in the guest fails."""
    answer = await obliging(call)
    return Done(1) if isinstance(answer, Done) else answer


async def test_a_nested_extension_is_carried_out_in_the_guest(world: World) -> None:
    started = await start(world, vm(resources=[extension("access", type="extensions")]))
    assert started.created
    assert states(started.deployment) == ["waiting", "waiting"]
    over = await to_its_end(world, started.deployment)
    assert over.state is DeploymentState.SUCCEEDED
    assert states(over) == ["succeeded", "succeeded"]
    assert over.ended_at is not None
    assert world.guests.of(WEB01).asked, "the guest was asked"


async def test_each_waits_until_what_it_needs_has_ended(world: World) -> None:
    first, second = extension("web01/access"), extension("web02/access", dependsOn=["web01/access"])
    deployment = (await start(world, second, first)).deployment
    await advance_deployment(world.s, deployment.id)
    assert states(await now_of(world)) == ["running", "waiting"]
    await advance_deployment(world.s, deployment.id)
    assert states(await now_of(world)) == ["running", "waiting"], "its operation has not ended"
    assert len(world.recoveries.started) == 1
    await carry_out_begun(world)
    await advance_deployment(world.s, deployment.id)
    assert states(await now_of(world)) == ["succeeded", "running"]
    assert (await to_its_end(world, deployment)).state is DeploymentState.SUCCEEDED


async def test_a_secret_lies_sealed_while_it_is_needed_and_no_longer(world: World) -> None:
    deployment = (await start(world, extension())).deployment
    assert deployment.pending is not None
    assert SECRET in world.identity.unseal(deployment.pending)
    assert SECRET not in str(await world.rows())
    over = await to_its_end(world, deployment)
    assert over.pending is None
    assert SECRET not in str(await world.rows())
    assert SECRET not in str(await world.audit())
    assert SECRET not in repr(over)


async def test_what_failed_is_told_and_what_waits_for_it_is_never_begun(world: World) -> None:
    world.guests.of(WEB01).silent = True
    deployment = (
        await start(
            world,
            extension("web01/access"),
            extension("web02/access", dependsOn=["web01/access"]),
        )
    ).deployment
    over = await to_its_end(world, deployment)
    assert over.state is DeploymentState.FAILED
    assert states(over) == ["failed", "waiting"]
    problem = over.steps[0].problem
    assert problem is not None
    assert problem.code == "VMAgentStatusCommunicationError"
    assert not problem.at_once
    assert over.pending is None
    assert world.guests.of(WEB02).asked == []


async def test_what_is_refused_at_once_keeps_its_inner_code(world: World) -> None:
    world.guests.of(WEB01).power = "off"
    over = await to_its_end(world, (await start(world, extension())).deployment)
    assert over.state is DeploymentState.FAILED
    problem = over.steps[0].problem
    assert problem is not None
    assert (problem.code, problem.inner, problem.at_once) == (
        "OperationNotAllowed",
        "CannotModifyExtensionsWhenVMNotRunning",
        True,
    )


async def test_a_malformed_extension_fails_and_others_go_on(world: World) -> None:
    wrong = extension("web01/wrong", properties={"publisher": "Nobody", "type": "Nothing"})
    over = await to_its_end(
        world, (await start(world, wrong, extension("web02/access"))).deployment
    )
    assert over.state is DeploymentState.FAILED
    assert states(over) == ["failed", "succeeded"]


async def test_another_region_is_refused(world: World) -> None:
    far = extension(location="west")
    over = await to_its_end(world, (await start(world, far)).deployment)
    assert over.steps[0].problem is not None
    assert "location" in over.steps[0].problem.message


@pytest.mark.parametrize("missing", [vm("absent"), extension("absent/access"), vm("fab01")])
async def test_a_vm_that_is_not_there_is_named(world: World, missing: Any) -> None:
    with pytest.raises(
        DeploymentRefused, match=r"virtualMachines/(absent|fab01)' under"
    ) as refusal:
        await start(world, missing)
    assert refusal.value.code == "ResourceNotFound"
    async with world.store.reading() as unit:
        assert await unit.deployments.get(RESOURCE_ID) is None


async def test_a_scale_set_and_its_extension(world: World) -> None:
    scale_set.add_to(world)
    pool = {
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "name": "Web",
        "apiVersion": "2023-09-01",
        "location": "local",
        "properties": {},
        "resources": [
            {
                "type": "extensions",
                "apiVersion": "2023-09-01",
                **scale_set.linux("access"),
            }
        ],
    }
    over = await to_its_end(world, (await start(world, pool)).deployment)
    assert over.state is DeploymentState.SUCCEEDED, over.steps
    async with world.store.reading() as unit:
        found = await unit.extensions.list(scale_set.SET)
    assert [each.name for each in found] == ["access"]


async def test_a_scale_set_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(DeploymentRefused, match="virtualMachineScaleSets/absent"):
        await start(world, vm("absent", type="Microsoft.Compute/virtualMachineScaleSets"))


async def test_the_same_request_again_is_the_same_deployment(world: World) -> None:
    first = await start(world, extension())
    again = await start(world, extension())
    assert again.deployment.id == first.deployment.id
    assert not again.created


@pytest.mark.parametrize(
    "other",
    [
        {"password": "another-Password1"},
        {"outputs": {"o": {"type": "string", "value": "x"}}},
    ],
)
async def test_another_request_is_refused_while_one_runs(world: World, other: Any) -> None:
    await start(world, extension())
    with pytest.raises(DeploymentRefused, match="still active") as refusal:
        await start(world, extension(), **other)
    assert refusal.value.code == "DeploymentActive"


async def test_what_is_over_gives_way_and_is_not_repeated_in_the_guest(world: World) -> None:
    first = await to_its_end(world, (await start(world, extension())).deployment)
    asked = len(world.guests.of(WEB01).asked)
    again = await start(world, extension())
    assert not again.created
    assert again.deployment.id != first.id
    over = await to_its_end(world, again.deployment)
    assert over.state is DeploymentState.SUCCEEDED
    assert len(world.guests.of(WEB01).asked) == asked, "the same extension is not executed again"


async def test_a_deployment_goes_on_after_the_gateway_died(world: World) -> None:
    """Between the extension's commit and the deployment's: it is asked for once all the same."""
    deployment = (await start(world, extension())).deployment
    before = await now_of(world)
    await advance_deployment(world.s, deployment.id)
    async with world.store.unit() as unit:
        await unit.deployments.update(before)  # as if the second commit had never been
    over = await to_its_end(world, deployment)
    assert over.state is DeploymentState.SUCCEEDED
    assert sum(isinstance(call, SetPassword) for call in world.guests.of(WEB01).asked) == 1


async def test_an_account_that_was_locked_deploys_nothing_more(world: World) -> None:
    deployment = (await start(world, extension())).deployment
    async with world.store.unit() as unit:
        await unit.accounts.update(replace(world.accounts["tina"], disabled=True))
    over = await to_its_end(world, deployment)
    assert over.state is DeploymentState.FAILED
    assert over.steps[0].problem is not None
    assert over.steps[0].problem.code == "AuthorizationFailed"
    assert world.guests.of(WEB01).asked == []


async def test_a_subscription_that_was_taken_away_is_deployed_to_no_more(world: World) -> None:
    deployment = (await start(world, extension())).deployment
    async with world.store.unit() as unit:
        await unit.accounts.update(replace(world.accounts["tina"], subscriptions=frozenset()))
    over = await to_its_end(world, deployment)
    assert over.steps[0].state is StepState.FAILED
    assert world.guests.of(WEB01).asked == []


async def test_cancelling_begins_nothing_more(world: World) -> None:
    deployment = (
        await start(
            world,
            extension("web01/access"),
            extension("web02/access", dependsOn=["web01/access"]),
        )
    ).deployment
    await advance_deployment(world.s, deployment.id)
    tina = (await world.session("tina")).actor
    canceled = await cancel_deployment(world.s, tina, resource_id=RESOURCE_ID, now=world.now)
    assert canceled.state is DeploymentState.CANCELING, "something is under way"
    over = await to_its_end(world, deployment)
    assert over.state is DeploymentState.CANCELED
    assert states(over) == ["succeeded", "waiting"]
    assert over.pending is None
    assert world.guests.of(WEB02).asked == []


async def test_cancelling_before_anything_began_ends_it(world: World) -> None:
    await start(world, extension())
    tina = (await world.session("tina")).actor
    canceled = await cancel_deployment(world.s, tina, resource_id=RESOURCE_ID, now=world.now)
    assert canceled.state is DeploymentState.CANCELED
    assert canceled.pending is None
    with pytest.raises(Conflict):
        await cancel_deployment(world.s, tina, resource_id=RESOURCE_ID, now=world.now)


async def test_one_that_runs_is_not_removed_and_one_that_is_over_is(world: World) -> None:
    deployment = (await start(world, extension())).deployment
    tina = (await world.session("tina")).actor
    with pytest.raises(Conflict):
        await remove_deployment(world.s, tina, resource_id=RESOURCE_ID, now=world.now)
    await to_its_end(world, deployment)
    assert await remove_deployment(world.s, tina, resource_id=RESOURCE_ID.upper(), now=world.now)
    assert not await remove_deployment(world.s, tina, resource_id=RESOURCE_ID, now=world.now)


async def test_a_foreign_deployment_is_as_a_missing_one(world: World) -> None:
    await start(world, extension())
    theo = (await world.session("theo")).actor
    with pytest.raises(NotFound):
        await see_deployment(world.s, theo, RESOURCE_ID)
    assert await list_deployments(world.s, theo, GROUP) == []
    with pytest.raises(NotFound):
        await cancel_deployment(world.s, theo, resource_id=RESOURCE_ID, now=world.now)
    assert not await remove_deployment(world.s, theo, resource_id=RESOURCE_ID, now=world.now)
    assert (await now_of(world)).active


async def test_only_a_tenant_deploys(world: World) -> None:
    ada = (await world.session("ada")).actor
    assert ada.role is Role.ADMIN
    with pytest.raises(Refused):
        await start_deployment(
            world.s,
            ada,
            scope=SCOPE,
            request=request(),
            correlation_id="c0" * 16,
            now=world.now,
        )


async def test_begin_end_and_refusal_are_recorded(world: World) -> None:
    over = await to_its_end(world, (await start(world, extension())).deployment)
    with pytest.raises(DeploymentRefused):
        await start(world, vm("absent"))
    told = [
        (record.action, record.outcome, record.actor)
        for record in await world.audit()
        if record.action.startswith("deployment.")
    ]
    assert told == [
        ("deployment.start", "allowed", "tina"),
        ("deployment.end", "allowed", "gateway"),
        ("deployment.start", "denied", "tina"),
    ]
    assert over.state is DeploymentState.SUCCEEDED


async def test_only_so_many_run_in_a_resource_group_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.actions.deployments.MOST_RUNNING", 2)
    tina = await world.session("tina")

    async def begin(name: str) -> Started:
        return await start_deployment(
            world.s,
            tina.actor,
            scope=replace(SCOPE, deployment=name),
            request=request(vm(), extension()),
            correlation_id="c0" * 16,
            now=world.now,
        )

    one, _ = await begin("one"), await begin("two")
    with pytest.raises(Conflict, match="too many"):
        await begin("three")
    assert (await begin("one")).deployment == one.deployment, "it is the one there is"
    await cancel_deployment(
        world.s, tina.actor, resource_id=one.deployment.resource_id, now=world.now
    )
    await begin("three")


async def test_the_oldest_go_where_there_are_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.actions.deployments.MOST_KEPT", 2)
    tina = (await world.session("tina")).actor
    for number in range(4):
        world.clock.advance(seconds=1)
        await start_deployment(
            world.s,
            tina,
            scope=replace(SCOPE, deployment=f"d{number}"),
            request=request(),
            correlation_id="c0" * 16,
            now=world.now,
        )
    found = await list_deployments(world.s, tina, GROUP)
    assert [each.name for each in found] == ["d3", "d2"]


class Patience:
    """Waits for a deployment to be over, by the store."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def over(self) -> Deployment:
        async with asyncio.timeout(20):
            while (found := await now_of(self.world)).active:
                await carry_out_begun(self.world)
                await asyncio.sleep(0)
        return found


async def test_the_queue_sees_a_deployment_through_as_facts_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.actions.deployment_queue.LOOK_EVERY", 3600)
    queue = DeploymentQueue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(world.s))
        await start(
            world,
            extension("web01/access"),
            extension("web02/access", dependsOn=["web01/access"]),
        )
        over = await Patience(world).over()
        queue.stop()
    assert over.state is DeploymentState.SUCCEEDED


async def test_what_is_heard_while_a_deployment_is_looked_at_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.actions.deployment_queue.LOOK_EVERY", 3600)
    looks = 0
    first_look, told = asyncio.Event(), asyncio.Event()

    async def look(*_: Any) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            first_look.set()
            await told.wait()

    monkeypatch.setattr("gateway.actions.deployment_queue.advance_deployment", look)
    await start(world, extension())
    queue = DeploymentQueue()
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
        tasks.create_task(queue.run(world.s))
        await first_look.wait()
        world.bus.publish(RecoveryChanged("any", WEB01.vm.key, None))
        await asyncio.sleep(0.05)  # the queue finds it busy, and waits again
        told.set()
        while looks < 2:
            await asyncio.sleep(0)
        queue.stop()


async def test_the_queue_finds_what_a_restart_left(world: World) -> None:
    await start(world, extension())
    queue = DeploymentQueue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(world.s))
        over = await Patience(world).over()
        queue.stop()
    assert over.state is DeploymentState.SUCCEEDED


async def test_a_fault_of_ours_ends_the_deployment_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*args: Any, **more: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(advancing, "deploy_resource", broken)
    await start(world, extension())
    queue = DeploymentQueue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(world.s))
        over = await Patience(world).over()
        queue.stop()
    assert over.state is DeploymentState.FAILED
    assert over.pending is None
    assert over.steps[0].problem is not None
    assert over.steps[0].problem.code == "InternalServerError"


async def test_a_store_out_of_reach_puts_it_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    original = advancing.deploy_resource

    async def sometimes(*args: Any, **more: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("locked")
        return await original(*args, **more)

    monkeypatch.setattr(advancing, "deploy_resource", sometimes)
    await start(world, extension())
    queue = DeploymentQueue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(queue.run(world.s))
        async with asyncio.timeout(20):
            while tries == 0:
                await asyncio.sleep(0)
        world.bus.publish(DeploymentChanged("any"))
        over = await Patience(world).over()
        queue.stop()
    assert over.state is DeploymentState.SUCCEEDED


async def test_beginning_is_told_on_the_bus(world: World) -> None:
    heard: list[str] = []
    world.bus.subscribe(DeploymentChanged, lambda fact: heard.append(fact.deployment_id))
    world.bus.subscribe(RecoveryChanged, lambda fact: None)
    started = await start(world, extension())
    assert heard == [started.deployment.id]
