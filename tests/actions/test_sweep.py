"""What time ends: consents, grants that nobody can use, and nothing else."""

from __future__ import annotations

import pytest

from gateway.actions.end_consent import end_consent
from gateway.actions.sign_in import sign_out
from gateway.actions.sweep import sweep
from gateway.bus import ConsentEnded, GrantEnded
from gateway.policy.facts import EndCode
from tests.actions.world import FAR01, WEB02, World


async def swept(world: World) -> list[tuple[str, str]]:
    """What the gateway recorded."""
    await sweep(world.s, world.now)
    records = [r for r in await world.audit() if r.actor == "gateway"]
    return [(r.action, str(r.facts["end"])) for r in records]


@pytest.mark.rule(2)
async def test_a_consent_that_ran_out_is_ended_once(world: World) -> None:
    consent = await world.consent()
    world.clock.advance(hours=8, microseconds=-1)
    assert await swept(world) == []
    world.clock.advance(microseconds=1)
    assert await swept(world) == [("consent.end", "expired")]
    assert await swept(world) == [("consent.end", "expired")], "and no second record"
    (fact,) = world.facts_of(ConsentEnded)
    assert (fact.consent.id, fact.consent.end_code) == (consent.id, EndCode.EXPIRED)
    assert fact.consent.ended_by == "gateway"


async def test_a_step_up_that_came_to_nothing_ends_after_a_minute(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    await world.grant(olga, consent)
    world.clock.advance(seconds=59)
    assert await swept(world) == []
    world.clock.advance(seconds=1)
    assert await swept(world) == [("grant.end", "expired")]


async def test_an_operator_who_does_not_come_back_leaves_the_console(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    admission = await world.enter(olga, consent)
    await admission.left()
    world.clock.advance(seconds=119)
    assert await swept(world) == []
    world.clock.advance(seconds=1)
    assert await swept(world) == [("grant.end", "left")]
    assert [end.code for _, end in world.registry.ended] == [EndCode.LEFT]
    async with world.store.reading() as unit:
        (record,) = await unit.sessions.for_consent(consent.id)
    assert record.end_code is EndCode.LEFT


class _Live:
    """A console session whose operator is connected."""

    operator_left_at = None

    def view(self) -> _Live:
        return self


async def test_an_operator_who_is_connected_is_not_away(world: World) -> None:
    """While the store was out of reach nobody could note that they were seen."""
    consent, olga = await world.consent(), await world.session("olga")
    await world.enter(olga, consent)
    world.registry.live[consent.id] = _Live()
    world.clock.advance(minutes=10)
    assert await swept(world) == []


async def test_the_grant_of_a_sign_in_that_ran_out_ends(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    await world.enter(olga, consent)
    world.registry.live[consent.id] = _Live()
    world.clock.advance(minutes=15)
    assert await swept(world) == [("grant.end", "sign_in_ended")]
    (fact,) = world.facts_of(GrantEnded)
    assert fact.by == "gateway"


async def test_what_ended_before_is_left_alone(world: World) -> None:
    ended, olga, tina = (
        await world.consent(),
        await world.session("olga"),
        await world.session("tina"),
    )
    signed_out = await world.consent(WEB02)
    await world.enter(olga, ended)
    await world.enter(olga, signed_out)
    await end_consent(world.s, tina.actor, ended.id, reason="", now=world.now)
    await sign_out(world.s, olga, now=world.now)
    world.clock.advance(minutes=5)
    assert await swept(world) == []


async def test_the_grants_of_other_nodes_are_theirs_to_sweep(world: World) -> None:
    consent, olga = await world.consent(FAR01), await world.session("olga")
    await world.grant(olga, consent)
    world.clock.advance(minutes=5)
    assert await swept(world) == []
