"""Stepping up: the operator proves again who they are, and gets a grant."""

from __future__ import annotations

import pytest

from gateway.actions.authenticate import authenticate
from gateway.actions.open_console import Opened, open_console
from gateway.actions.sign_in import SignedIn, sign_in
from gateway.actions.sign_in_and_open import sign_in_and_open
from gateway.errors import NotFound, NotSignedIn, Refused, Throttled
from tests.actions.world import ELSEWHERE, PASSWORD, WEB01, WORKSTATION, World


async def _sign_in(world: World) -> SignedIn:
    return await sign_in(
        world.s,
        name="olga",
        password=PASSWORD,
        code=world.code("olga"),
        address=WORKSTATION,
        user_agent="Firefox",
        kind="browser",
        now=world.now,
    )


async def _open(world: World, secret: str, consent_id: str, **changes: str | None) -> Opened:
    session = await authenticate(
        world.s, secret, kind="browser", address=WORKSTATION, now=world.now
    )
    proof = {"password": PASSWORD, "code": world.code("olga")} | changes
    return await open_console(
        world.s,
        session,
        consent_id=consent_id,
        password=proof["password"] or "",
        code=proof["code"],
        now=world.now,
    )


async def test_the_step_up_rotates_the_sign_in_secret(world: World) -> None:
    consent = await world.consent()
    before = await _sign_in(world)
    world.clock.advance(seconds=31)
    opened = await _open(world, before.secret, consent.id)
    with pytest.raises(NotSignedIn):
        await authenticate(
            world.s, before.secret, kind="browser", address=WORKSTATION, now=world.now
        )
    after = await authenticate(
        world.s, opened.secret, kind="browser", address=WORKSTATION, now=world.now
    )
    assert after.sign_in.id == before.sign_in.id
    assert after.sign_in.stepped_up_at == world.now
    assert opened.grant.sign_in_id == after.actor.sign_in_id


async def test_the_code_of_the_sign_in_does_not_step_up_too(world: World) -> None:
    consent = await world.consent()
    begun = await _sign_in(world)
    with pytest.raises(NotSignedIn):
        await _open(world, begun.secret, consent.id)
    assert (await world.audit())[-1].action == "console.open"
    assert (await world.audit())[-1].outcome == "denied"


@pytest.mark.parametrize("wrong", [{"password": "not it"}, {"code": "000000"}, {"code": None}])
async def test_the_step_up_needs_the_password_and_the_code(
    world: World, wrong: dict[str, str | None]
) -> None:
    consent = await world.consent()
    begun = await _sign_in(world)
    world.clock.advance(seconds=31)
    with pytest.raises(NotSignedIn):
        await _open(world, begun.secret, consent.id, **wrong)
    async with world.store.reading() as unit:
        assert not await unit.grants.for_consent(consent.id)
    # The sign-in stays, with the secret that it had.
    await authenticate(world.s, begun.secret, kind="browser", address=WORKSTATION, now=world.now)


async def test_the_step_up_is_throttled_as_the_sign_in_is(world: World) -> None:
    consent = await world.consent()
    begun = await _sign_in(world)
    outcomes = []
    for _ in range(8):
        try:
            await _open(world, begun.secret, consent.id, password="guess")
        except (NotSignedIn, Throttled) as error:
            outcomes.append(error.code)
    assert outcomes[-1] == "TooManyRequests"
    denied = [r for r in await world.audit() if r.action == "console.open"]
    judged = [code for code in outcomes if code != "TooManyRequests"]
    assert [r.code for r in denied] == [*judged, "TooManyRequests"]


async def test_who_may_not_open_costs_no_password_check(world: World) -> None:
    consent = await world.consent()
    begun = await _sign_in(world)
    world.clock.advance(hours=8)
    session = await world.session("olga")
    checked = world.passwords.checked
    with pytest.raises(Refused) as refused:
        await open_console(
            world.s, session, consent_id=consent.id, password="x", code=None, now=world.now
        )
    assert refused.value.code == "ConsentExpired"
    assert world.passwords.checked == checked
    assert begun.secret


async def _at_once(world: World, address: str = WORKSTATION) -> Opened:
    return await sign_in_and_open(
        world.s,
        resource_id=WEB01.vm.resource_id,
        name="olga",
        password=PASSWORD,
        code=world.code("olga"),
        address=address,
        user_agent="eva-gateway",
        now=world.now,
    )


async def test_a_script_signs_in_and_opens_with_one_proof(world: World) -> None:
    consent = await world.consent()
    opened = await _at_once(world)
    session = await authenticate(
        world.s, opened.secret, kind="bearer", address=WORKSTATION, now=world.now
    )
    assert opened.grant.sign_in_id == session.sign_in.id
    assert opened.consent == consent
    assert [r.action for r in await world.audit()] == ["sign_in", "console.open"]
    with pytest.raises(NotSignedIn):
        await _at_once(world)  # the code is used up


@pytest.mark.parametrize("consented", [True, False])
async def test_a_script_that_may_not_open_is_signed_out_again(
    world: World, consented: bool
) -> None:
    if consented:
        await world.consent()
    with pytest.raises((Refused, NotFound)):
        await _at_once(world, ELSEWHERE)
    async with world.store.reading() as unit:
        assert not await unit.sign_ins.for_account(world.accounts["olga"].id)
    acts = [(r.action, r.outcome) for r in await world.audit()]
    assert acts == [("sign_in", "allowed"), ("console.open", "denied"), ("sign_out", "allowed")]
