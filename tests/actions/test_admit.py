"""Entering a console: tickets, hand-offs, watchers, guests, and whether they may still be there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.actions.accounts import disable_account
from gateway.actions.admit import Admission, Credentials, TicketSecret, VisitSecret, admit
from gateway.actions.authenticate import authenticate
from gateway.actions.end_consent import end_consent
from gateway.actions.end_session import end_session
from gateway.actions.share_console import redeem_link, revoke_link, share_console
from gateway.actions.sign_in import sign_out
from gateway.actions.subscriptions import disable_subscription
from gateway.actions.tickets import issue_handoff, issue_ticket, redeem_handoff
from gateway.actions.workstations import revoke_workstation
from gateway.consoles.participants import Part, Rights
from gateway.errors import GatewayError, NotFound, Refused
from gateway.identity.throttle import Misses
from gateway.policy.facts import Consent, EndCode
from tests.actions.world import CONTOSO, ELSEWHERE, NODE, WEB01, WEB02, WORKSTATION, World, machine


async def enter(
    world: World, consent: Consent, credentials: Credentials, address: str = WORKSTATION
) -> Admission:
    return await admit(
        world.s,
        consent_id=consent.id,
        credentials=credentials,
        address=address,
        now=world.now,
    )


async def refusal(ask: Awaitable[object]) -> str:
    try:
        await ask
    except GatewayError as error:
        return error.code
    return "ok"


async def guest(world: World, consent: Consent, operator: object) -> tuple[str, str]:
    """A visit cookie and its link's id."""
    shared = await share_console(
        world.s,
        operator.actor,  # type: ignore[attr-defined]
        consent.id,
        label="",
        capacity=5,
        now=world.now,
    )
    joined = await redeem_link(world.s, shared.secret, name="Gus", address=ELSEWHERE, now=world.now)
    return joined.secret, shared.link.id


# Tickets (SECURITY.md A6)


@pytest.mark.rule(1)
async def test_a_ticket_admits_once_though_twenty_present_it_at_once(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    await world.grant(olga, consent)
    secret = await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    answers = await asyncio.gather(
        *(refusal(enter(world, consent, TicketSecret(secret))) for _ in range(20))
    )
    assert sorted(answers) == ["NotFound"] * 19 + ["ok"]


@pytest.mark.rule(1)
async def test_a_ticket_is_for_one_console_one_address_and_one_minute(world: World) -> None:
    consent, other = await world.consent(), await world.consent(WEB02)
    olga = await world.session("olga")
    await world.grant(olga, consent)
    await world.grant(olga, other)

    async def ticket() -> TicketSecret:
        return TicketSecret(await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now))

    assert await refusal(enter(world, other, await ticket())) == "NotFound"
    assert await refusal(enter(world, consent, await ticket(), "10.0.0.8")) == "NotFound"
    late = await ticket()
    world.clock.advance(seconds=60)
    assert await refusal(enter(world, consent, late)) == "NotFound"
    denied = [r for r in await world.audit() if r.action == "console.enter"]
    assert [r.outcome for r in denied] == ["denied"] * 3


@pytest.mark.rule(1)
async def test_the_first_connection_comes_within_a_minute_of_the_step_up(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    await world.grant(olga, consent)
    world.clock.advance(seconds=59)
    ticket = await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    world.clock.advance(seconds=1)
    assert await refusal(enter(world, consent, TicketSecret(ticket))) == "StepUpStale"
    with pytest.raises(Refused) as refused:
        await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    assert refused.value.code == "StepUpStale"


async def test_a_ticket_is_worth_no_more_than_its_sign_in(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    await world.grant(olga, consent)
    ticket = await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    async with world.store.unit() as unit:
        await unit.sign_ins.end(olga.sign_in.id, world.now)  # and nothing with it
    assert await refusal(enter(world, consent, TicketSecret(ticket))) == "SignInEnded"


async def test_an_operator_returns_within_two_minutes_of_leaving(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    admission = await world.enter(olga, consent)
    world.clock.advance(minutes=10)
    await admission.left()
    world.clock.advance(seconds=119)
    ticket = await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    await enter(world, consent, TicketSecret(ticket))
    world.clock.advance(seconds=119)
    assert await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    world.clock.advance(seconds=1)
    with pytest.raises(Refused) as refused:
        await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)
    assert refused.value.code == "StepUpStale"


async def test_a_long_connection_can_be_resumed_though_nobody_saw_it_break(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    admission = await world.enter(olga, consent)
    for _ in range(120):
        world.clock.advance(seconds=30)
        assert await admission.still_allowed() is None
    # An hour later, and no sign-in falls idle while its screen is shown.
    assert await issue_ticket(world.s, olga, consent_id=consent.id, now=world.now)


async def test_a_hand_off_moves_the_grant_to_a_browser(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    grant = await world.grant(olga, consent)
    world.clock.advance(seconds=10)
    secret = await issue_handoff(world.s, olga, consent_id=consent.id, now=world.now)
    handed = await redeem_handoff(
        world.s, secret, address=WORKSTATION, user_agent="Firefox", now=world.now
    )
    assert (handed.grant.id, handed.consent_id) == (grant.id, consent.id)
    assert handed.sign_in.expires_at == olga.sign_in.expires_at
    browser = await authenticate(
        world.s, handed.secret, kind="browser", address=WORKSTATION, now=world.now
    )
    ticket = await issue_ticket(world.s, browser, consent_id=consent.id, now=world.now)
    await enter(world, consent, TicketSecret(ticket))
    answers = [
        await refusal(
            redeem_handoff(world.s, again, address=WORKSTATION, user_agent="", now=world.now)
        )
        for again in (secret, "unknown", "\ud800")
    ]
    assert answers == ["NotFound"] * 3
    assert (
        await refusal(issue_ticket(world.s, olga, consent_id=consent.id, now=world.now))
        == "OtherSignIn"
    )


async def test_no_secret_fits_another_slot(world: World) -> None:
    """SECURITY.md C6: cookie, ticket, hand-off, share link and visit, each in every slot."""
    consent, olga = await world.consent(), await world.session("olga")
    await world.enter(olga, consent)
    visit, _ = await guest(world, consent, olga)
    shared = await share_console(
        world.s, olga.actor, consent.id, label="", capacity=5, now=world.now
    )

    async def secrets() -> dict[str, str]:
        handoff = await issue_handoff(world.s, olga, consent_id=consent.id, now=world.now)
        carried = await redeem_handoff(
            world.s, handoff, address=WORKSTATION, user_agent="", now=world.now
        )
        session = await authenticate(
            world.s, carried.secret, kind="browser", address=WORKSTATION, now=world.now
        )
        olga_now = session
        return {
            "cookie": carried.secret,
            "ticket": await issue_ticket(world.s, olga_now, consent_id=consent.id, now=world.now),
            "handoff": await issue_handoff(world.s, olga_now, consent_id=consent.id, now=world.now),
            "link": shared.secret,
            "visit": visit,
        }

    at, now = WORKSTATION, world.now
    slots: dict[str, Callable[[str], Awaitable[object]]] = {
        "cookie": lambda x: authenticate(world.s, x, kind="browser", address=at, now=now),
        "bearer": lambda x: authenticate(world.s, x, kind="bearer", address=at, now=now),
        "ticket": lambda x: enter(world, consent, TicketSecret(x)),
        "handoff": lambda x: redeem_handoff(world.s, x, address=at, user_agent="", now=now),
        "link": lambda x: redeem_link(world.s, x, name="Eve", address=at, now=now),
        "visit": lambda x: enter(world, consent, VisitSecret(x)),
    }
    once = await secrets()
    for kind, secret in once.items():
        world.s = replace(world.s, misses=Misses())  # so many wrong guesses would be throttled
        fits = [slot for slot, use in slots.items() if await refusal(use(secret)) == "ok"]
        # A wrong slot may use a one-use secret up; then it fits nowhere at all.
        assert set(fits) <= {kind}, kind
    world.s = replace(world.s, misses=Misses())
    assert await refusal(slots["visit"](once["visit"])) == "ok"
    assert await refusal(slots["cookie"](once["cookie"])) == "ok"


# Rights


@pytest.mark.rule(5)
async def test_only_an_operator_gets_the_right_to_type(world: World) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    admissions = [await world.enter(olga, consent)]
    for name in ("tina", "ada"):
        admissions.append(await enter(world, consent, await world.session(name)))
    cookie, _ = await guest(world, consent, olga)
    admissions.append(await enter(world, consent, VisitSecret(cookie), ELSEWHERE))
    assert [(a.participant.role, a.rights) for a in admissions] == [
        (Part.OPERATOR, Rights.VIEW | Rights.TYPE),
        (Part.TENANT, Rights.VIEW),
        (Part.ADMIN, Rights.VIEW),
        (Part.GUEST, Rights.VIEW),
    ]
    assert all(a.machine == WEB01 and a.consent.id == consent.id for a in admissions)
    assert all(WORKSTATION not in repr(a.participant) for a in admissions)


@pytest.mark.rule(1)
async def test_nobody_watches_before_an_operator_has_stepped_up(world: World) -> None:
    consent, tina = await world.consent(), await world.session("tina")
    assert await refusal(enter(world, consent, tina)) == "NotRunning"
    await world.grant(await world.session("olga"), consent)
    assert await refusal(enter(world, consent, tina)) == "NotRunning"
    await world.enter(await world.session("oscar"), consent)
    assert await refusal(enter(world, consent, tina)) == "ok"


# Still allowed


@pytest.fixture
async def everybody(world: World) -> tuple[Consent, dict[str, Admission]]:
    """A running console with an operator, the tenant, an admin and a guest."""
    consent, olga = await world.consent(), await world.session("olga")
    inside = {"operator": await world.enter(olga, consent)}
    for part, name in (("tenant", "tina"), ("admin", "ada")):
        inside[part] = await enter(world, consent, await world.session(name))
    cookie, _ = await guest(world, consent, olga)
    inside["guest"] = await enter(world, consent, VisitSecret(cookie), ELSEWHERE)
    for admission in inside.values():
        assert await admission.still_allowed() is None
    return consent, inside


Everybody = tuple[Consent, dict[str, Admission]]


async def why(inside: dict[str, Admission]) -> dict[str, str]:
    codes = {part: await admission.still_allowed() for part, admission in inside.items()}
    return {part: str(code) for part, code in codes.items() if code is not None}


async def _withdraw(world: World, consent: Consent) -> None:
    tina = await world.session("tina")
    await end_consent(world.s, tina.actor, consent.id, reason="enough", now=world.now)


async def _disable(world: World, _: Consent) -> None:
    ada = await world.session("ada")
    await disable_subscription(world.s, ada.actor, CONTOSO, now=world.now)


async def _run_out(world: World, consent: Consent) -> None:
    world.clock.advance(seconds=(consent.expires_at - world.now).total_seconds())


async def _drop_vm(world: World, _: Consent) -> None:
    world.inventory.drop(WEB01)


async def _move_console(world: World, _: Consent) -> None:
    world.inventory.put(machine(CONTOSO, "web01", port=5999))


async def _end_session(world: World, consent: Consent) -> None:
    tina = await world.session("tina")
    await end_session(world.s, tina.actor, consent.id, reason="", now=world.now)


ALL = ("operator", "tenant", "admin", "guest")
End = Callable[[World, Consent], Awaitable[None]]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (_withdraw, "withdrawn"),
        (_disable, "subscription_disabled"),
        (_run_out, "expired"),
        (_drop_vm, "vm_gone"),
        (_move_console, "vm_gone"),
    ],
)
@pytest.mark.rule(2)
async def test_what_ends_it_for_everybody(
    world: World, everybody: Everybody, end: End, code: str
) -> None:
    consent, inside = everybody
    await end(world, consent)
    assert await why(inside) == dict.fromkeys(ALL, code)
    assert {await a.session_allowed() for a in inside.values()} == {EndCode(code)}


async def test_with_the_operator_everybody_goes(world: World, everybody: Everybody) -> None:
    consent, inside = everybody
    await _end_session(world, consent)
    watchers = dict.fromkeys(("tenant", "admin", "guest"), "left")
    assert await why(inside) == {"operator": "withdrawn"} | watchers
    assert await inside["operator"].session_allowed() is EndCode.LEFT


async def test_one_operators_end_is_not_anothers(world: World, everybody: Everybody) -> None:
    consent, inside = everybody
    oscar = await world.session("oscar")
    inside["second operator"] = await world.enter(oscar, consent)
    olga = await world.session("olga")
    await end_session(world.s, olga.actor, consent.id, reason="", now=world.now)
    assert await why(inside) == {"operator": "finished"}
    assert await inside["operator"].session_allowed() is None
    assert world.registry.ended == []


async def test_a_workstation_off_the_safelist_cuts_its_operator(
    world: World, everybody: Everybody
) -> None:
    _, inside = everybody
    ada = await world.session("ada")
    await revoke_workstation(world.s, ada.actor, NODE, "10.0.0.0/24", now=world.now)
    assert (await why(inside))["operator"] == "workstation_revoked"


@pytest.mark.parametrize("part", ["operator", "tenant", "admin"])
async def test_a_locked_account_is_cut(world: World, everybody: Everybody, part: str) -> None:
    _, inside = everybody
    boss = await world.add_account("boss", world.accounts["ada"].role)
    acting = await world.session(boss.name)
    account_id = inside[part].participant.account_id
    await disable_account(world.s, acting.actor, str(account_id), now=world.now)
    assert (await why(inside))[part] == "sign_in_ended"


async def test_a_signed_out_watcher_is_cut_and_nobody_else(
    world: World, everybody: Everybody
) -> None:
    consent, inside = everybody
    theirs = await world.session("tina")
    inside["second tenant"] = await enter(world, consent, theirs)
    await sign_out(world.s, theirs, now=world.now)
    assert await why(inside) == {"second tenant": "sign_in_ended"}


async def test_a_revoked_link_cuts_its_guests_and_nobody_else(
    world: World, everybody: Everybody
) -> None:
    _, inside = everybody
    tina = await world.session("tina")
    link_id = str(inside["guest"].participant.link_id)
    await revoke_link(world.s, tina.actor, link_id, now=world.now)
    assert await why(inside) == {"guest": "link_revoked"}


async def test_who_was_cut_is_not_seen_again(world: World, everybody: Everybody) -> None:
    """A check that comes late must not bring a grant back to life."""
    consent, inside = everybody
    await _end_session(world, consent)
    world.clock.advance(minutes=1)
    await inside["operator"].left()
    async with world.store.reading() as unit:
        (grant,) = await unit.grants.for_consent(consent.id)
    assert grant.ended_at == world.now - timedelta(minutes=1)


async def test_a_store_that_forgot_lets_nobody_stay(world: World, everybody: Everybody) -> None:
    """Were rows ever lost, viewers go rather than stay."""
    consent, inside = everybody
    operator = inside["operator"]
    check = operator.still_allowed.__self__  # type: ignore[attr-defined]
    assert await replace(check, consent_id="0" * 32).why_not() is EndCode.REVOKED
    assert await replace(check, grant_id="0" * 32).why_not() is EndCode.REVOKED
    assert consent.ended_at is None


async def test_a_visit_is_to_one_console(world: World) -> None:
    consent, other = await world.consent(), await world.consent(WEB02)
    olga = await world.session("olga")
    await world.enter(olga, consent)
    await world.enter(olga, other)
    cookie, _ = await guest(world, consent, olga)
    with pytest.raises(NotFound):
        await enter(world, other, VisitSecret(cookie), ELSEWHERE)


async def test_a_strange_visit_cookie_answers_as_none(world: World) -> None:
    consent = await world.consent()
    for secret in ("", "unknown", "\ud800"):
        with pytest.raises(NotFound):
            await enter(world, consent, VisitSecret(secret))
