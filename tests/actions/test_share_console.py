"""Share links: who joins, how many, and what a guess learns."""

from __future__ import annotations

import asyncio

import pytest

from gateway.actions.end_consent import end_consent
from gateway.actions.queries import consent_that_ended, list_links, see_visit
from gateway.actions.share_console import Redeemed, Shared, redeem_link, revoke_link, share_console
from gateway.bus import LinkRevoked
from gateway.errors import GatewayError, InvalidInput, NotFound, Refused, Throttled
from gateway.policy.facts import Consent
from tests.actions.world import ELSEWHERE, World


async def shared(
    world: World, consent: Consent | None = None, capacity: int = 2, label: str = "Bob"
) -> Shared:
    """A link to a running console."""
    consent = consent or await world.consent()
    olga = await world.session("olga")
    await world.enter(olga, consent)
    return await share_console(
        world.s, olga.actor, consent.id, label=label, capacity=capacity, now=world.now
    )


async def join(world: World, secret: str, name: str = "Gus", address: str = ELSEWHERE) -> Redeemed:
    return await redeem_link(world.s, secret, name=name, address=address, now=world.now)


async def test_a_guest_joins_until_the_consent_ends(world: World) -> None:
    link = await shared(world)
    joined = await join(world, link.secret, "  Gus \u202e<i> ")
    assert joined.visit.name == "Gus <i>"
    assert joined.visit.expires_at == link.link.expires_at
    visit, consent = await see_visit(world.s, joined.secret, now=world.now)
    assert (visit, consent.id) == (joined.visit, link.link.consent_id)
    ada = await world.session("ada")
    await end_consent(world.s, ada.actor, consent.id, reason="", now=world.now)
    with pytest.raises(NotFound):
        await see_visit(world.s, joined.secret, now=world.now)


async def test_a_link_is_full_though_all_come_at_once(world: World) -> None:
    link = await shared(world, capacity=3)
    answers = await asyncio.gather(
        *(join(world, link.secret) for _ in range(10)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 7
    assert {answer.code for answer in refused} == {"LinkFull"}
    ada = await world.session("ada")
    (view,) = await list_links(world.s, ada.actor, link.link.consent_id, now=world.now)
    assert view.joined == 3


async def test_every_dead_link_gets_one_answer(world: World) -> None:
    """SECURITY.md C4: expired, revoked, unknown, cut short."""
    consent = await world.consent()
    revoked, expiring = await shared(world, consent), await shared(world, consent)
    olga = await world.session("olga")
    await revoke_link(world.s, olga.actor, revoked.link.id, now=world.now)
    answers = set()
    for secret in (revoked.secret, "unknown", "", expiring.secret[:-1], "\ud800"):
        with pytest.raises(NotFound) as refused:
            await join(world, secret)
        answers.add(str(refused.value))
    world.clock.advance(hours=8)
    with pytest.raises(NotFound) as refused:
        await join(world, expiring.secret)
    assert answers == {str(refused.value)}


@pytest.mark.parametrize("kind", ["unknown", "revoked"])
async def test_twenty_misses_a_minute_and_then_no_more(world: World, kind: str) -> None:
    """SECURITY.md C5."""
    link = await shared(world)
    good = await shared(world)
    olga = await world.session("olga")
    await revoke_link(world.s, olga.actor, link.link.id, now=world.now)
    guess = {"unknown": "guess", "revoked": link.secret}[kind]
    codes = []
    for _ in range(21):
        with pytest.raises(GatewayError) as refused:
            await join(world, guess)
        codes.append(refused.value.code)
    assert codes == ["NotFound"] * 20 + ["TooManyRequests"]
    with pytest.raises(Throttled):
        await join(world, good.secret)
    await join(world, good.secret, address="198.51.100.1")
    world.clock.advance(seconds=61)
    await join(world, good.secret)


@pytest.mark.parametrize("name", ["", "   ", "\u202e\u200b", "x" * 65])
async def test_a_guest_has_a_name_that_can_be_shown(world: World, name: str) -> None:
    link = await shared(world)
    with pytest.raises(InvalidInput):
        await join(world, link.secret, name)
    async with world.store.reading() as unit:
        assert await unit.visits.count(link.link.id) == 0


@pytest.mark.parametrize(("capacity", "label"), [(0, ""), (51, ""), (-1, ""), (1, "x" * 81)])
async def test_a_link_has_bounds(world: World, capacity: int, label: str) -> None:
    with pytest.raises(InvalidInput):
        await shared(world, capacity=capacity, label=label)


async def test_a_link_is_revoked_once(world: World) -> None:
    link = await shared(world)
    tina, theo = await world.session("tina"), await world.session("theo")
    await revoke_link(world.s, tina.actor, link.link.id, now=world.now)
    (fact,) = world.facts_of(LinkRevoked)
    assert (fact.link.id, fact.by) == (link.link.id, "tina")
    with pytest.raises(Refused) as refused:
        await revoke_link(world.s, tina.actor, link.link.id, now=world.now)
    assert refused.value.code == "LinkRevoked"
    answers = []
    for link_id in (link.link.id, "0" * 32, "nonsense"):
        with pytest.raises(NotFound) as missing:
            await revoke_link(world.s, theo.actor, link_id, now=world.now)
        answers.append(str(missing.value))
    assert len(set(answers)) == 1


async def test_a_guest_who_was_there_learns_how_the_consent_ended(world: World) -> None:
    consent = await world.consent()
    link, other = await shared(world, consent), await shared(world, consent)
    staying, cut = await join(world, link.secret), await join(world, other.secret)
    ada = await world.session("ada")
    await revoke_link(world.s, ada.actor, other.link.id, now=world.now)
    assert await consent_that_ended(world.s, staying.visit, now=world.now) is None
    world.clock.advance(minutes=1)
    await end_consent(world.s, ada.actor, link.link.consent_id, reason="x", now=world.now)
    ended = await consent_that_ended(world.s, staying.visit, now=world.now)
    assert ended is not None
    assert ended.ended_by == "ada"
    assert await consent_that_ended(world.s, cut.visit, now=world.now) is None
