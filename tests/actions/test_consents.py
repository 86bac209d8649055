"""Consents: asking, asking again, and everything that ends with one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.actions.end_consent import end_consent
from gateway.actions.queries import find_consent, list_links, list_vms
from gateway.actions.request_consent import request_consent
from gateway.actions.share_console import share_console
from gateway.actions.subscriptions import disable_subscription, enable_subscription
from gateway.actions.sweep import end_sessions_of_missing_vms
from gateway.bus import ConsentEnded, ConsentGiven, SubscriptionChanged
from gateway.errors import InvalidInput, NotFound, Refused
from gateway.policy.facts import Consent, EndCode
from tests.actions.world import CONTOSO, NODE, WEB01, WEB02, World


async def ask(world: World, reason: str = "locked out", wanted: str = "") -> Consent:
    tina = await world.session("tina")
    return await request_consent(
        world.s,
        tina.actor,
        resource_id=wanted or WEB01.vm.resource_id,
        reason=reason,
        now=world.now,
    )


@pytest.mark.rule(2)
async def test_asking_again_returns_the_same_consent_and_does_not_extend_it(world: World) -> None:
    first = await ask(world)
    world.clock.advance(hours=7, minutes=59)
    again = await ask(world, "another reason", WEB01.vm.resource_id.upper())
    assert again == first
    assert again.expires_at == first.given_at + timedelta(hours=8)
    assert len(world.facts_of(ConsentGiven)) == 1
    world.clock.advance(minutes=1)
    assert (await ask(world)).id != first.id, "what has run out is asked for anew"


@pytest.mark.rule(2)
async def test_twenty_who_ask_at_once_give_one_consent(world: World) -> None:
    asked = await asyncio.gather(*(ask(world) for _ in range(20)))
    assert len({consent.id for consent in asked}) == 1
    assert len(world.facts_of(ConsentGiven)) == 1


async def test_the_tenant_gets_the_nodes_name_back(world: World) -> None:
    assert (await ask(world)).node == NODE


@pytest.mark.rule(3)
async def test_no_consent_where_the_feature_is_not_enabled(world: World) -> None:
    ada = await world.session("ada")
    await disable_subscription(world.s, ada.actor, CONTOSO, now=world.now)
    with pytest.raises(Refused) as refused:
        await ask(world)
    assert refused.value.code == "SubscriptionNotEnabled"
    await enable_subscription(world.s, ada.actor, CONTOSO.upper(), now=world.now)
    await ask(world)


@pytest.mark.rule(3)
async def test_disabling_a_subscription_ends_its_consents_in_the_same_commit(
    world: World,
) -> None:
    first, second = await ask(world), await ask(world, wanted=WEB02.vm.resource_id)
    ada = await world.session("ada")
    heard: list[EndCode | None] = []

    def hear(fact: ConsentEnded) -> None:
        heard.append(fact.consent.end_code)

    world.bus.subscribe(ConsentEnded, hear)
    await disable_subscription(world.s, ada.actor, CONTOSO, now=world.now)
    assert heard == [EndCode.SUBSCRIPTION_DISABLED] * 2
    assert isinstance(world.facts[-1], SubscriptionChanged)
    async with world.store.reading() as unit:
        ended = [await unit.consents.get(c.id) for c in (first, second)]
    assert {c.ended_by for c in ended if c} == {"ada"}
    record = (await world.audit())[-1]
    assert (record.action, record.facts["consents_ended"]) == ("subscription.disable", 2)


@pytest.mark.parametrize("text", ["contoso", "", "{" + CONTOSO + "}", CONTOSO + "\n", "\ud800"])
async def test_a_subscription_is_a_guid(world: World, text: str) -> None:
    ada = await world.session("ada")
    for act in (enable_subscription, disable_subscription):
        with pytest.raises(InvalidInput):
            await act(world.s, ada.actor, text, now=world.now)


@pytest.mark.parametrize(
    ("name", "code"),
    [("tina", "withdrawn"), ("olga", "finished"), ("ada", "revoked")],
)
@pytest.mark.rule(2)
async def test_with_the_consent_ends_everything_drawn_from_it(
    world: World, name: str, code: str
) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    await world.enter(olga, consent)
    await share_console(world.s, olga.actor, consent.id, label="", capacity=1, now=world.now)
    who = await world.session(name)
    await end_consent(world.s, who.actor, consent.id, reason=" all\nfine ", now=world.now)
    async with world.store.reading() as unit:
        (grant,) = await unit.grants.for_consent(consent.id)
        (link,) = await unit.links.for_consent(consent.id)
        (session,) = await unit.sessions.for_consent(consent.id)
    assert (grant.ended_at, grant.end_code) == (world.now, code)
    assert link.revoked_at == world.now
    assert (session.ended_at, session.end_code) == (world.now, code)
    (fact,) = world.facts_of(ConsentEnded)
    assert (fact.consent.end_code, fact.consent.ended_by) == (code, name)
    assert fact.consent.end_reason == "all fine"
    assert not await list_links(world.s, who.actor, consent.id, now=world.now)


async def test_facts_are_told_after_the_commit_and_not_without_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent, tina = await world.consent(), await world.session("tina")

    class CommitFailed(Exception):
        pass

    def check() -> None:
        raise CommitFailed

    monkeypatch.setattr(world.store._database, "check", check)
    with pytest.raises(CommitFailed):
        await end_consent(world.s, tina.actor, consent.id, reason="", now=world.now)
    monkeypatch.undo()
    assert world.facts == []
    async with world.store.reading() as unit:
        assert await unit.consents.get(consent.id) == consent
    assert await world.audit() == ()


@pytest.mark.parametrize("reason", ["x" * 513, "x" * 100_000, "\u202e" + "y" * 600])
async def test_a_reason_has_a_length(world: World, reason: str) -> None:
    with pytest.raises(InvalidInput):
        await ask(world, reason)


async def test_a_reason_is_one_legible_line(world: World) -> None:
    consent = await ask(world, "  locked\r\n\tout \u202e\ud800\0 <b>now</b>  ")
    assert consent.reason == "locked out <b>now</b>"


async def test_a_vm_that_left_the_inventory_takes_its_consent_along(world: World) -> None:
    """CVE-2013-0335: the promise was for that VM, not for what comes back under its name."""
    gone, stays = await ask(world), await ask(world, wanted=WEB02.vm.resource_id)
    world.inventory.drop(WEB01)
    await end_sessions_of_missing_vms(world.s, world.now)
    assert [fact.consent.id for fact in world.facts_of(ConsentEnded)] == [gone.id]
    world.inventory.put(WEB01)
    async with world.store.reading() as unit:
        ended, kept = await unit.consents.get(gone.id), await unit.consents.get(stays.id)
    assert ended is not None
    assert (ended.end_code, ended.ended_by) == (EndCode.VM_GONE, "gateway")
    assert kept == stays


async def test_a_consent_is_found_by_its_vm_in_any_case(world: World) -> None:
    consent, tina = await ask(world), await world.session("tina")
    found = await find_consent(world.s, tina.actor, WEB01.vm.resource_id.swapcase(), now=world.now)
    assert found == consent
    theo = await world.session("theo")
    for who, wanted in ((theo, WEB01), (tina, WEB02)):
        with pytest.raises(NotFound):
            await find_consent(world.s, who.actor, wanted.vm.resource_id, now=world.now)


async def test_a_tenant_picks_among_their_vms(world: World) -> None:
    consent = await ask(world)
    tina, theo, ada = [await world.session(name) for name in ("tina", "theo", "ada")]
    seen = await list_vms(world.s, tina.actor, now=world.now)
    assert [(x.vm.name, x.enabled, x.consent) for x in seen] == [
        ("far01", True, None),
        ("web01", True, consent),
        ("web02", True, None),
    ]
    others = await list_vms(world.s, theo.actor, now=world.now)
    assert [(x.vm.name, x.enabled) for x in others] == [("fab01", False)]
    assert not await list_vms(world.s, ada.actor, now=world.now)
