"""Extensions of VMs: written once, carried out once, and how each ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.actions.extensions import (
    Applied,
    apply_extension,
    list_extensions,
    patch_extension,
    remove_extension,
    see_extension,
)
from gateway.actions.operations import OperationView, see_operation
from gateway.bus import RecoveryChanged
from gateway.errors import ExtensionRefused, GuestLost, GuestUnreachable, NotFound, Refused
from gateway.policy.recovery import ActionState
from gateway.recovery.calls import Answer, Call, Execute, SetPassword
from gateway.recovery.extension import ExtensionRequest
from gateway.store import RecoveryAction
from tests.actions.guests import obliging
from tests.actions.world import FAB01, WEB01, World

SECRET = "c0rrect-horse-Battery"
NAME = "VMAccess"


def request(**changes: Any) -> ExtensionRequest:
    whole = ExtensionRequest(
        name=NAME,
        publisher="Microsoft.OSTCExtensions",
        type="VMAccessForLinux",
        version="1.5",
        auto_upgrade=True,
        force_update_tag=None,
        settings={},
        protected={"username": "anna", "password": SECRET},
    )
    return replace(whole, **changes)


async def put(world: World, wanted: ExtensionRequest | None = None, who: str = "tina") -> Applied:
    session = await world.session(who)
    return await apply_extension(
        world.s,
        session.actor,
        resource_id=WEB01.vm.resource_id,
        request=wanted or request(),
        location="local",
        now=world.now,
    )


async def operation(world: World, applied: Applied) -> OperationView:
    session = await world.session("tina")
    return await see_operation(world.s, session.actor, applied.operation_id)


async def state_of(world: World, name: str = NAME) -> str:
    session = await world.session("tina")
    view = await see_extension(world.s, session.actor, resource_id=WEB01.vm.resource_id, name=name)
    return view.extension.provisioning_state


async def only_action(world: World) -> RecoveryAction:
    async with world.store.reading() as unit:
        (action,) = await unit.recovery_actions.history(10)
    return action


async def test_what_is_put_is_carried_out_and_then_succeeded(world: World) -> None:
    applied = await put(world)
    assert applied.created
    assert (await operation(world, applied)).status == "InProgress"
    assert await state_of(world) == "Creating"
    world.clock.advance(seconds=7)

    (action,) = await world.carry_out()

    assert (action.state, action.kind, action.title) == (
        ActionState.DONE,
        "set_password",
        "Reset a password",
    )
    seen = await operation(world, applied)
    assert (seen.status, seen.error, seen.ended_at) == ("Succeeded", None, world.now)
    assert await state_of(world) == "Succeeded"
    assert world.guests.of(WEB01).asked, "the guest was asked"
    assert {fact.action_id for fact in world.facts_of(RecoveryChanged)} == {action.id}


async def test_the_instance_view_says_how_it_stands(world: World) -> None:
    await put(world)
    await world.carry_out()
    tina = await world.session("tina")
    (view,) = await list_extensions(world.s, tina.actor, resource_id=WEB01.vm.resource_id.upper())
    assert view.version == "1.5.25"
    assert (view.status.code, view.status.level) == ("ProvisioningState/succeeded", "Info")
    assert view.status.message == "Enable succeeded."
    assert view.settings == {}


async def test_the_same_request_twice_at_once_is_one_action_and_one_operation(
    world: World,
) -> None:
    answers = await asyncio.gather(*(put(world) for _ in range(5)))
    assert len({(a.operation_id, a.action_id) for a in answers}) == 1
    assert sum(a.created for a in answers) == 1
    await world.carry_out()
    assert (await put(world)).operation_id == answers[0].operation_id, "done once is done"
    assert (await only_action(world)).state is ActionState.DONE


async def test_a_new_force_update_tag_has_it_done_again(world: World) -> None:
    first = await put(world, request(force_update_tag="a"))
    await world.carry_out()
    same = await put(world, request(force_update_tag="a"))
    left_out = await put(world)
    again = await put(world, request(force_update_tag="b"))
    assert first.operation_id == same.operation_id == left_out.operation_id
    assert again.operation_id != first.operation_id
    assert await state_of(world) == "Updating"
    (action,) = [a for a in await world.carry_out() if a.id == again.action_id]
    assert action.state is ActionState.DONE


async def test_what_failed_is_tried_again_and_what_is_unknown_is_not(world: World) -> None:
    guest = world.guests.of(WEB01)
    guest.silent = True
    first = await put(world)
    await world.carry_out()
    seen = await operation(world, first)
    assert seen.error is not None
    assert (seen.status, seen.error.code) == ("Failed", "VMAgentStatusCommunicationError")
    assert await state_of(world) == "Failed"

    guest.silent = False

    async def lost(call: Call) -> Answer:
        if isinstance(call, SetPassword):
            raise GuestLost("nothing came back")
        return await obliging(call)

    guest.answer = lost
    second = await put(world)
    assert second.operation_id != first.operation_id
    (action,) = await world.carry_out()
    assert action.state is ActionState.UNKNOWN
    assert await state_of(world) == "Failed"

    guest.answer = obliging
    third = await put(world)
    assert third.operation_id == second.operation_id, "nobody knows: never repeated blindly"
    assert await world.carry_out() == []
    assert (await put(world, request(force_update_tag="x"))).operation_id != third.operation_id


async def test_a_newer_request_takes_the_place_of_one_that_waits(world: World) -> None:
    first = await put(world)
    second = await put(world, request(protected={"username": "anna", "password": "Another-1"}))
    seen = await operation(world, first)
    assert (seen.status, seen.error and seen.error.code) == ("Canceled", "OperationPreempted")
    await world.carry_out()
    assert (await operation(world, second)).status == "Succeeded"
    assert (await operation(world, first)).status == "Canceled"


async def test_one_extension_per_handler(world: World) -> None:
    await put(world)
    before = await world.rows()
    with pytest.raises(ExtensionRefused) as refused:
        await put(world, request(name="other"))
    assert (refused.value.code, refused.value.inner) == (
        "BadRequest",
        "MultipleExtensionsPerHandlerNotAllowed",
    )
    assert f"VMExtension '{NAME}'" in refused.value.reason
    sign_ins = before.pop("sign_ins")
    after = await world.rows()
    assert sign_ins != after.pop("sign_ins")
    assert after == before
    assert not (await put(world, request(name=NAME.upper()))).created, "one name in any case"


@pytest.mark.parametrize("power", ["off", "paused"])
async def test_a_vm_that_does_not_run_is_refused(world: World, power: str) -> None:
    world.guests.of(WEB01).power = power
    tina = await world.session("tina")
    with pytest.raises(ExtensionRefused) as refused:
        await put(world)
    assert (refused.value.code, refused.value.inner) == (
        "OperationNotAllowed",
        "CannotModifyExtensionsWhenVMNotRunning",
    )
    with pytest.raises(ExtensionRefused):
        await remove_extension(
            world.s, tina.actor, resource_id=WEB01.vm.resource_id, name=NAME, now=world.now
        )
    records = (await world.audit())[-2:]
    assert [(r.outcome, r.code) for r in records] == [("denied", "OperationNotAllowed")] * 2


async def test_a_vm_turned_off_before_its_turn_is_not_asked(world: World) -> None:
    applied = await put(world)
    world.guests.of(WEB01).power = "off"
    (action,) = await world.carry_out()
    assert (action.state, action.error_code) == (ActionState.FAILED, "OperationNotAllowed")
    assert world.guests.of(WEB01).asked == []
    assert (await operation(world, applied)).status == "Failed"


async def test_a_handler_of_another_system_is_refused(world: World) -> None:
    windows = request(publisher="Microsoft.Compute", type="VMAccessAgent", version="2.4")
    with pytest.raises(ExtensionRefused) as refused:
        await put(world, windows)
    assert refused.value.code == "BadRequest"
    with pytest.raises(ExtensionRefused) as unknown:
        await put(world, request(version="9.9"))
    assert unknown.value.code == "ArtifactVersionNotFound"


async def test_removing_cancels_what_waits_and_is_over_at_once(world: World) -> None:
    applied = await put(world)
    tina = await world.session("tina")
    where = {"resource_id": WEB01.vm.resource_id, "name": NAME.upper(), "now": world.now}
    removed = await remove_extension(world.s, tina.actor, **where)
    assert removed is not None
    assert await remove_extension(world.s, tina.actor, **where) is None
    seen = await see_operation(world.s, tina.actor, removed.operation_id)
    assert (seen.status, seen.ended_at) == ("Succeeded", world.now)
    assert (await operation(world, applied)).status == "Canceled"
    await world.carry_out()
    assert world.guests.of(WEB01).asked == []
    with pytest.raises(NotFound):
        await state_of(world)


async def test_a_patch_keeps_what_it_does_not_name(world: World) -> None:
    await put(world)
    await world.carry_out()
    tina = await world.session("tina")
    applied = await patch_extension(
        world.s,
        tina.actor,
        resource_id=WEB01.vm.resource_id,
        name=NAME,
        body={"properties": {"forceUpdateTag": "once more"}},
        now=world.now,
    )
    assert not applied.created
    (action,) = await world.carry_out()
    assert action.state is ActionState.DONE
    set_ones = [c for c in world.guests.of(WEB01).asked if isinstance(c, SetPassword)]
    assert [c.password.reveal() for c in set_ones] == [SECRET] * 2, "the protected settings stayed"
    with pytest.raises(NotFound):
        await patch_extension(
            world.s,
            tina.actor,
            resource_id=WEB01.vm.resource_id,
            name="none",
            body={"properties": {}},
            now=world.now,
        )


@pytest.mark.parametrize(("who", "code"), [("theo", NotFound), ("ada", Refused), ("olga", Refused)])
async def test_only_a_tenant_of_the_subscription_writes_extensions(
    world: World, who: str, code: type[Exception]
) -> None:
    world.guests.of(WEB01).power = "off"  # nobody else learns that
    with pytest.raises(code) as refused:
        await put(world, who=who)
    assert not isinstance(refused.value, ExtensionRefused)
    assert (await world.audit())[-1].outcome == "denied"


async def test_foreign_extensions_and_operations_answer_as_missing_ones(world: World) -> None:
    applied = await put(world)
    theo = await world.session("theo")
    answers = set()
    for resource_id in (WEB01.vm.resource_id, FAB01.vm.resource_id + "x"):
        with pytest.raises(NotFound) as missing:
            await see_extension(world.s, theo.actor, resource_id=resource_id, name=NAME)
        answers.add(str(missing.value))
    for operation_id in (applied.operation_id, "0" * 32, "\ud800"):
        with pytest.raises(NotFound) as missing:
            await see_operation(world.s, theo.actor, operation_id)
        answers.add(str(missing.value))
    assert len(answers) == 2


@pytest.mark.rule(6)
async def test_the_password_lies_nowhere_in_the_clear(world: World) -> None:
    applied = await put(world)
    action = await only_action(world)
    assert action.protected is not None, "sealed until it is over"
    held = json.dumps(await world.rows()) + repr(applied) + repr(action)
    await world.carry_out()
    held += json.dumps(await world.rows()) + repr(await world.audit()) + repr(world.facts)
    assert SECRET not in held
    assert (await only_action(world)).protected is None, "gone once it is over"


async def test_a_guest_out_of_reach_before_a_change_has_failed_not_unknown(world: World) -> None:
    async def gone(call: Call) -> Answer:
        if isinstance(call, Execute):
            raise GuestUnreachable("it hung up")
        return await obliging(call)

    world.guests.of(WEB01).answer = gone
    await put(world)
    (action,) = await world.carry_out()
    assert (action.state, action.error_code) == (
        ActionState.FAILED,
        "VMAgentStatusCommunicationError",
    )
