"""Signing in and out: what is proven, what is rotated, what ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.actions.accounts import disable_account
from gateway.actions.authenticate import authenticate
from gateway.actions.queries import list_sign_ins
from gateway.actions.sign_in import SignedIn, end_sign_in, sign_in, sign_out
from gateway.bus import GrantEnded, SignInEnded
from gateway.errors import NotFound, NotSignedIn, Throttled
from gateway.policy.facts import EndCode
from tests.actions.world import ELSEWHERE, PASSWORD, WORKSTATION, World


async def signed_in(world: World, name: str, **changes: str | None) -> SignedIn:
    proof = {"password": PASSWORD, "code": world.code(name), "replaces": None} | changes
    return await sign_in(
        world.s,
        name=name,
        password=proof["password"] or "",
        code=proof["code"],
        address=WORKSTATION,
        user_agent="Firefox",
        kind="browser",
        now=world.now,
        replaces=proof["replaces"],
    )


async def holds(world: World, secret: str, kind: str = "browser") -> bool:
    try:
        await authenticate(
            world.s, secret, kind=kind, address=WORKSTATION, now=world.now, touch=False
        )
    except NotSignedIn:
        return False
    return True


@pytest.mark.parametrize(("name", "overall", "idle"), [("olga", 12, 15), ("tina", 24, 60)])
async def test_a_sign_in_ends_by_age_and_by_idleness(
    world: World, name: str, overall: int, idle: int
) -> None:
    begun = await signed_in(world, name)
    world.clock.advance(minutes=idle, microseconds=-1)
    assert await holds(world, begun.secret)
    world.clock.advance(microseconds=1)
    assert not await holds(world, begun.secret)

    busy = await signed_in(world, name)
    for _ in range(overall * 60 // 10 - 1):
        world.clock.advance(minutes=10)
        await authenticate(world.s, busy.secret, kind="browser", address=WORKSTATION, now=world.now)
    world.clock.advance(minutes=10, microseconds=-1)
    assert await holds(world, busy.secret)
    world.clock.advance(microseconds=1)
    assert not await holds(world, busy.secret)


async def test_what_a_page_asks_by_itself_keeps_nobody_signed_in(world: World) -> None:
    begun = await signed_in(world, "olga")
    for _ in range(15):
        world.clock.advance(minutes=1)
        last = await holds(world, begun.secret)
    assert not last


async def test_a_tenant_signs_in_without_a_code_and_an_operator_does_not(world: World) -> None:
    assert (await signed_in(world, "tina", code=None)).actor.subscriptions
    with pytest.raises(NotSignedIn):
        await signed_in(world, "olga", code=None)


async def test_a_code_signs_in_once(world: World) -> None:
    await signed_in(world, "olga")
    with pytest.raises(NotSignedIn):
        await signed_in(world, "olga")


async def test_a_cookie_is_no_bearer_token(world: World) -> None:
    begun = await signed_in(world, "tina")
    assert not await holds(world, begun.secret, "bearer")


async def test_signing_in_again_ends_what_the_browser_had(world: World) -> None:
    first = await signed_in(world, "tina")
    second = await signed_in(world, "tina", replaces=first.secret)
    assert not await holds(world, first.secret)
    assert await holds(world, second.secret)
    assert [fact.sign_in_id for fact in world.facts_of(SignInEnded)] == [first.sign_in.id]


@pytest.mark.rule(7)
async def test_every_attempt_that_is_judged_is_recorded(world: World) -> None:
    """And the first that is throttled; see test_floods for those behind it."""
    expected = []
    for _ in range(8):
        with pytest.raises((NotSignedIn, Throttled)) as refused:
            await signed_in(world, "olga", password="a guess")
        expected.append(("olga", "anonymous", refused.value.code))
    records = await world.audit()
    assert [r[2] for r in expected] == ["NotSignedIn"] * 5 + ["TooManyRequests"] * 3
    assert [(r.actor, r.role, r.code) for r in records] == expected[:6]
    assert world.passwords.checked == 5


@pytest.mark.parametrize("name", ["nobody", "\ud800", "x" * 100_000, "ol\0ga", "olga\r\n"])
async def test_a_hostile_name_is_one_refusal_and_one_record(world: World, name: str) -> None:
    with pytest.raises(NotSignedIn):
        await signed_in(world, name, code="123456")
    (record,) = await world.audit()
    assert len(record.actor) <= 512
    assert record.actor.isprintable()


async def test_signing_out_ends_the_grants_drawn_from_it(world: World) -> None:
    consent = await world.consent()
    olga = await world.session("olga")
    await world.enter(olga, consent)
    await sign_out(world.s, olga, now=world.now)
    (ended,) = world.facts_of(GrantEnded)
    assert ended.code is EndCode.SIGN_IN_ENDED
    assert [consent_id for consent_id, _ in world.registry.ended] == [consent.id]
    async with world.store.reading() as unit:
        assert (await unit.consents.get(consent.id)) == consent, "the consent stays"


async def test_an_admin_ends_anybodys_and_people_their_own(world: World) -> None:
    tina, olga = await signed_in(world, "tina"), await signed_in(world, "olga")
    with pytest.raises(NotFound):
        await end_sign_in(world.s, tina.actor, olga.sign_in.id, now=world.now)
    await end_sign_in(world.s, tina.actor, tina.sign_in.id, now=world.now)
    ada = await signed_in(world, "ada")
    await end_sign_in(world.s, ada.actor, olga.sign_in.id, now=world.now)
    assert not await holds(world, tina.secret)
    assert not await holds(world, olga.secret)
    named = await list_sign_ins(world.s, ada.actor, now=world.now)
    assert [view.name for view in named] == ["ada"]


async def test_people_see_their_own_sign_ins(world: World) -> None:
    tina = await signed_in(world, "tina")
    await signed_in(world, "theo")
    views = await list_sign_ins(world.s, tina.actor, now=world.now)
    assert [view.sign_in.id for view in views] == [tina.sign_in.id]


async def test_a_locked_account_is_out_at_once_and_stays_out(world: World) -> None:
    consent = await world.consent()
    begun = await signed_in(world, "olga")
    olga = await authenticate(
        world.s, begun.secret, kind="browser", address=WORKSTATION, now=world.now
    )
    await world.enter(olga, consent)
    ada = await world.session("ada")
    await disable_account(world.s, ada.actor, world.accounts["olga"].id, now=world.now)
    assert not await holds(world, begun.secret)
    assert [fact.sign_in_id for fact in world.facts_of(SignInEnded)] == [begun.sign_in.id]
    assert len(world.facts_of(GrantEnded)) == 1
    world.clock.advance(seconds=31)
    with pytest.raises(NotSignedIn):
        await signed_in(world, "olga")


async def test_a_locked_account_is_out_though_its_sign_in_was_forgotten(world: World) -> None:
    """Locking ends the sign-ins too; should one ever be missed, the lock counts."""
    begun = await signed_in(world, "tina")
    async with world.store.unit() as unit:
        await unit.accounts.update(replace(begun.account, disabled=True))
    assert not await holds(world, begun.secret)


async def test_use_is_noted_but_not_at_every_request(world: World) -> None:
    begun = await signed_in(world, "olga")

    async def last_seen() -> timedelta:
        world.clock.advance(seconds=20)
        session = await authenticate(
            world.s, begun.secret, kind="browser", address=ELSEWHERE, now=world.now
        )
        async with world.store.reading() as unit:
            row = await unit.sign_ins.get(session.sign_in.id)
        assert row is not None
        return row.last_seen_at - begun.sign_in.created_at

    seconds = [(await last_seen()).total_seconds() for _ in range(4)]
    assert seconds == [0, 40, 40, 80]
