"""Recoveries from the pages: started, proposed, decided, cancelled, and what each reader sees."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from gateway.actions.accounts import disable_account
from gateway.actions.end_consent import end_consent
from gateway.actions.recover import (
    agent_log,
    approve_proposal,
    cancel_recovery,
    decline_proposal,
    list_recoveries,
    propose_recovery,
    see_recovery,
    start_recovery,
)
from gateway.actions.sweep import sweep
from gateway.errors import Conflict, ExtensionRefused, InvalidInput, NotFound, Refused
from gateway.policy.recovery import ActionState
from gateway.recovery.calls import Answer, Call, Done, SetPassword
from gateway.recovery.logs import FILES
from gateway.store import RecoveryAction
from tests.actions.guests import obliging
from tests.actions.world import WEB01, WEB02, World

SECRET = "c0rrect-horse-Battery"
USER = "zebedee"


async def start(
    world: World, consent_id: str | None = None, secret: str = SECRET
) -> RecoveryAction:
    tina = await world.session("tina")
    return await start_recovery(
        world.s,
        tina.actor,
        resource_id=WEB01.vm.resource_id,
        kind="set_password",
        user=USER,
        password=secret,
        consent_id=consent_id,
        now=world.now,
    )


async def propose(world: World, consent_id: str, who: str = "olga") -> RecoveryAction:
    operator = await world.session(who)
    return await propose_recovery(
        world.s,
        operator.actor,
        consent_id=consent_id,
        kind="set_password",
        note=" try\nthis ",
        now=world.now,
    )


async def approve(world: World, action_id: str, who: str = "tina") -> RecoveryAction:
    session = await world.session(who)
    return await approve_proposal(
        world.s, session.actor, action_id, user=USER, password=SECRET, now=world.now
    )


async def row(world: World, action_id: str) -> RecoveryAction:
    async with world.store.reading() as unit:
        found = await unit.recovery_actions.get(action_id)
    assert found is not None
    return found


async def test_a_tenant_resets_a_password_in_their_own_vm(world: World) -> None:
    begun = await start(world)
    assert begun.state is ActionState.REQUESTED
    (ended,) = await world.carry_out()
    assert (ended.state, ended.origin, ended.protected) == (ActionState.DONE, "page", None)
    (call,) = [c for c in world.guests.of(WEB01).asked if isinstance(c, SetPassword)]
    assert (call.user, call.password.reveal()) == (USER, SECRET)


async def test_the_same_again_while_it_is_under_way_is_the_same(world: World) -> None:
    first, *others = await asyncio.gather(*(start(world) for _ in range(4)))
    assert {other.id for other in others} == {first.id}
    assert (await start(world, secret="Another-secret-1")).id != first.id
    await world.carry_out()
    assert (await start(world)).id != first.id, "what is over is asked for anew"


async def test_too_many_at_once_are_turned_away(world: World) -> None:
    for number in range(20):
        await start(world, secret=f"{SECRET}{number}")
    with pytest.raises(Conflict):
        await start(world)


@pytest.mark.parametrize("field", ["kind", "user", "password"])
async def test_what_is_missing_is_named(world: World, field: str) -> None:
    tina = await world.session("tina")
    given = {"kind": "set_password", "user": USER, "password": SECRET} | {field: ""}
    with pytest.raises(InvalidInput) as refused:
        await start_recovery(
            world.s, tina.actor, resource_id=WEB01.vm.resource_id, now=world.now, **given
        )
    assert refused.value.field == field
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("set_ssh_key", {"user": USER, "ssh_key": "not a key"}),
        ("repair_disk", {"disk_name": "../../etc"}),
    ],
)
async def test_what_cannot_be_asked_of_a_guest_is_called_what_it_is(
    world: World, kind: str, given: dict[str, str]
) -> None:
    tina = await world.session("tina")
    begun = await start_recovery(
        world.s, tina.actor, resource_id=WEB01.vm.resource_id, kind=kind, now=world.now, **given
    )
    assert begun.kind == kind
    (ended,) = await world.carry_out()
    assert (ended.kind, ended.state) == (kind, ActionState.FAILED)


async def test_a_consent_is_for_one_vm_and_must_hold(world: World) -> None:
    other = await world.consent(WEB02)
    with pytest.raises(Refused) as refused:
        await start(world, other.id)
    assert refused.value.code == "OtherVm"
    mine = await world.consent()
    world.clock.advance(hours=8)
    with pytest.raises(Refused) as late:
        await start(world, mine.id)
    assert late.value.code == "ConsentExpired"


async def test_nothing_is_sent_before_the_tenant_approves(world: World) -> None:
    consent = await world.consent()
    proposal = await propose(world, consent.id)
    assert (proposal.state, proposal.note) == (ActionState.PROPOSED, "try this")
    assert (await propose(world, consent.id)).id == proposal.id, "asked twice, proposed once"
    assert await world.carry_out() == []
    approved = await approve(world, proposal.id)
    assert (approved.state, approved.requested_by, approved.decided_by) == (
        ActionState.REQUESTED,
        "olga",
        "tina",
    )
    with pytest.raises(Refused) as again:
        await approve(world, proposal.id)
    assert again.value.code == "NotProposed"
    (ended,) = await world.carry_out()
    assert ended.state is ActionState.DONE


async def test_a_declined_proposal_says_why(world: World) -> None:
    proposal = await propose(world, (await world.consent()).id)
    tina = await world.session("tina")
    declined = await decline_proposal(
        world.s, tina.actor, proposal.id, reason="not on Fridays", now=world.now
    )
    assert (declined.state, declined.decided_by) == (ActionState.DECLINED, "tina")
    assert "not on Fridays" in declined.message


@pytest.mark.parametrize("power", ["off", "paused"])
async def test_a_vm_that_does_not_run_is_not_begun_with(world: World, power: str) -> None:
    proposal = await propose(world, (await world.consent()).id)
    world.guests.of(WEB01).power = power
    for begin in (lambda: start(world), lambda: approve(world, proposal.id)):
        with pytest.raises(ExtensionRefused) as refused:
            await begin()
        assert refused.value.inner == "CannotModifyExtensionsWhenVMNotRunning"
    assert (await row(world, proposal.id)).state is ActionState.PROPOSED


@pytest.mark.rule(2)
async def test_with_the_consent_ends_what_was_not_sent(world: World) -> None:
    consent = await world.consent()
    waiting, apart = await start(world, consent.id), await start(world, secret="Another-1-x")
    proposal = await propose(world, consent.id)
    tina = await world.session("tina")
    await end_consent(world.s, tina.actor, consent.id, reason="", now=world.now)
    for action in (waiting, proposal):
        after = await row(world, action.id)
        assert (after.state, after.protected) == (ActionState.CANCELLED, None)
    await world.carry_out()
    assert (await row(world, apart.id)).state is ActionState.DONE, "it needs no consent"
    sent = [c.password.reveal() for c in world.guests.of(WEB01).asked if isinstance(c, SetPassword)]
    assert sent == ["Another-1-x"]


@pytest.mark.rule(2)
async def test_a_consent_that_ran_out_unnoticed_sends_nothing(world: World) -> None:
    begun = await start(world, (await world.consent()).id)
    world.clock.advance(hours=8)
    (after,) = await world.carry_out()
    assert (after.id, after.state, after.sent_at) == (begun.id, ActionState.CANCELLED, None)
    assert not [c for c in world.guests.of(WEB01).asked if isinstance(c, SetPassword)]
    await sweep(world.s, world.now)


async def test_a_tenant_who_is_locked_after_they_approved_has_nothing_sent(world: World) -> None:
    proposal = await propose(world, (await world.consent()).id)
    await approve(world, proposal.id)
    ada = await world.session("ada")
    await disable_account(world.s, ada.actor, world.accounts["tina"].id, now=world.now)
    await world.carry_out()
    assert (await row(world, proposal.id)).state is ActionState.CANCELLED
    assert not any(isinstance(call, SetPassword) for call in world.guests.of(WEB01).asked)


async def test_a_disabled_account_sends_nothing(world: World) -> None:
    await start(world)
    ada = await world.session("ada")
    await disable_account(world.s, ada.actor, world.accounts["tina"].id, now=world.now)
    (after,) = await world.carry_out()
    assert (after.state, after.sent_at) == (ActionState.CANCELLED, None)


async def test_cancelled_until_it_is_sent_and_not_afterwards(world: World) -> None:
    tina = await world.session("tina")
    begun = await start(world)
    await cancel_recovery(world.s, tina.actor, begun.id, now=world.now)
    await world.carry_out()
    assert world.guests.of(WEB01).asked == []

    async def too_late(call: Call) -> Answer:
        if isinstance(call, SetPassword):
            with pytest.raises(Refused) as refused:
                await cancel_recovery(world.s, tina.actor, second.id, now=world.now)
            assert refused.value.code == "AlreadySent"
        return await obliging(call)

    world.guests.of(WEB01).answer = too_late
    second = await start(world)
    (ended,) = await world.carry_out()
    assert ended.state is ActionState.DONE
    with pytest.raises(Refused) as over:
        await cancel_recovery(world.s, tina.actor, second.id, now=world.now)
    assert over.value.code == "RecoveryOver"


async def test_an_operator_takes_back_their_own_proposal_only(world: World) -> None:
    proposal = await propose(world, (await world.consent()).id)
    for who, code in (("oscar", "NotYoursToCancel"), ("olga", "ok"), ("olga", "RecoveryOver")):
        session = await world.session(who)
        try:
            await cancel_recovery(world.s, session.actor, proposal.id, now=world.now)
        except Refused as refused:
            assert refused.code == code
        else:
            assert code == "ok"


@pytest.mark.parametrize("answer", ["done", "failed"])
async def test_an_operator_learns_neither_the_account_nor_the_secret(
    world: World, answer: str
) -> None:
    async def talkative(call: Call) -> Answer:
        if answer == "failed" and not isinstance(call, SetPassword):
            said = await obliging(call)
            return Done(1, "", f"user {USER} is odd") if isinstance(said, Done) else said
        return await obliging(call)

    world.guests.of(WEB01).answer = talkative
    proposal = await propose(world, (await world.consent()).id)
    await approve(world, proposal.id)
    olga = await world.session("olga")
    seen = [repr(await see_recovery(world.s, olga.actor, proposal.id, now=world.now))]
    (ended,) = await world.carry_out()
    assert ended.state.value == answer
    seen += [repr(await see_recovery(world.s, olga.actor, proposal.id, now=world.now))]
    seen += [repr(await list_recoveries(world.s, olga.actor, now=world.now))]
    assert USER not in "".join(seen)
    assert SECRET not in "".join(seen) + json.dumps(await world.rows())
    with pytest.raises(Refused):
        await agent_log(world.s, olga.actor, WEB01.vm.resource_id, now=world.now)


async def test_each_sees_what_is_theirs(world: World) -> None:
    consent = await world.consent()
    alone, under = await start(world), await start(world, consent.id, "Another-secret-1")
    sees = {
        "tina": {alone.id, under.id},
        "ada": {alone.id, under.id},
        "olga": {under.id},  # what a tenant does without a consent is no operator's to know
        "theo": set(),
    }
    for who, ids in sees.items():
        session = await world.session(who)
        found = await list_recoveries(world.s, session.actor, now=world.now)
        assert {view.action.id for view in found} == ids, who
        for action in (alone, under):
            try:
                view = await see_recovery(world.s, session.actor, action.id, now=world.now)
            except NotFound:
                assert action.id not in ids
            else:
                assert action.id in ids
                assert (view.action.settings, view.action.protected) == ("{}", None)


async def test_the_list_goes_on_where_the_page_before_ended(world: World) -> None:
    begun = []
    for number in range(5):
        begun.append((await start(world, secret=f"{SECRET}{number}")).id)
        world.clock.advance(seconds=1)
    tina = await world.session("tina")
    first = await list_recoveries(world.s, tina.actor, limit=2, now=world.now)
    rest = await list_recoveries(
        world.s, tina.actor, limit=9, before=first[-1].action.id, now=world.now
    )
    assert [view.action.id for view in [*first, *rest]] == begun[::-1]


@pytest.mark.rule(6)
async def test_the_agents_log_says_what_was_done_and_no_secret(world: World) -> None:
    await start(world)
    await world.carry_out()
    tina = await world.session("tina")
    where = WEB01.vm.resource_id.upper()
    both = await agent_log(world.s, tina.actor, where, now=world.now)
    for file in FILES:
        lines = await agent_log(world.s, tina.actor, where, file, now=world.now)
        assert lines and {line.file for line in lines} == {file}
    assert SECRET not in repr(both)
    theo = await world.session("theo")
    for name in (where, "/subscriptions/none", "\ud800"):
        with pytest.raises(NotFound):
            await agent_log(world.s, theo.actor, name, now=world.now)


async def test_it_takes_too_long(world: World) -> None:
    async def never(call: Call) -> Answer:
        if isinstance(call, SetPassword):
            await asyncio.Event().wait()
        return await obliging(call)

    world.guests.of(WEB01).answer = never
    object.__setattr__(world.s, "recovery_timeout", timedelta(seconds=0.5))
    await start(world)
    (after,) = await world.carry_out()
    assert (after.state, after.error_code) == (
        ActionState.UNKNOWN,
        "VMExtensionProvisioningTimeout",
    )
