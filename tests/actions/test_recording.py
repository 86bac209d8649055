"""The audit log: one record per decision, nothing secret in it, and no decision without it."""

from __future__ import annotations

from dataclasses import replace

import pyotp
import pytest
from sqlalchemy import text

from gateway.actions.accounts import create_account
from gateway.actions.admit import TicketSecret, VisitSecret, admit
from gateway.actions.authenticate import authenticate
from gateway.actions.open_console import open_console
from gateway.actions.recording import GATEWAY, Act, deciding
from gateway.actions.set_up import finish_setup, look_up_setup_link
from gateway.actions.share_console import redeem_link, share_console
from gateway.actions.sign_in import sign_in
from gateway.actions.tickets import issue_handoff, issue_ticket, redeem_handoff
from gateway.actions.verify_audit import verify_audit
from gateway.errors import GatewayError, Refused, StoreUnavailable
from gateway.policy.facts import Role
from gateway.store import Broken, Checkpoint, Intact
from tests.actions.world import ELSEWHERE, WORKSTATION, World

PASSWORD = "canary password of opal"


@pytest.mark.rule(6)
async def test_no_secret_reaches_the_audit_log_or_lies_clear_in_any_row(world: World) -> None:
    """SECURITY.md I3 and C1, through every action that makes or takes a secret."""
    ada, at = await world.session("ada"), WORKSTATION
    new = await create_account(world.s, ada.actor, name="opal", role=Role.CLOUDADMIN, now=world.now)
    invitation = await look_up_setup_link(world.s, new.secret, address=at, now=world.now)
    totp = pyotp.TOTP(str(invitation.code_secret))
    first = totp.at(world.now)
    await finish_setup(
        world.s, new.secret, password=PASSWORD, code=first, address=at, now=world.now
    )
    begun = await sign_in(
        world.s, name="opal", password=PASSWORD, code=first, address=at, user_agent="",
        kind="bearer", now=world.now,
    )  # fmt: skip
    session = await authenticate(world.s, begun.secret, kind="bearer", address=at, now=world.now)
    consent = await world.consent()
    world.clock.advance(seconds=30)
    second = totp.at(world.now)
    with pytest.raises(GatewayError):
        await open_console(
            world.s, session, consent_id=consent.id, password="canary guess", code="13579",
            now=world.now,
        )  # fmt: skip
    opened = await open_console(
        world.s, session, consent_id=consent.id, password=PASSWORD, code=second, now=world.now
    )
    handoff = await issue_handoff(world.s, session, consent_id=consent.id, now=world.now)
    handed = await redeem_handoff(world.s, handoff, address=at, user_agent="", now=world.now)
    browser = await authenticate(world.s, handed.secret, kind="browser", address=at, now=world.now)
    ticket = await issue_ticket(world.s, browser, consent_id=consent.id, now=world.now)
    enter = replace(world.s)
    await admit(
        enter, consent_id=consent.id, credentials=TicketSecret(ticket), address=at, now=world.now
    )
    link = await share_console(
        world.s, browser.actor, consent.id, label="", capacity=1, now=world.now
    )
    visit = await redeem_link(world.s, link.secret, name="Gus", address=ELSEWHERE, now=world.now)
    await admit(
        world.s,
        consent_id=consent.id,
        credentials=VisitSecret(visit.secret),
        address=ELSEWHERE,
        now=world.now,
    )
    canaries = [
        new.secret, str(invitation.code_secret), str(invitation.code_uri), "canary guess", "13579",
        begun.secret, opened.secret, handoff, handed.secret, ticket, link.secret, visit.secret,
    ]  # fmt: skip
    everything = repr(await world.rows()).replace(f"hash of {PASSWORD}", "argon2id")
    log = repr(await world.audit())
    for canary in (*canaries, PASSWORD):
        assert canary not in log
        assert canary not in everything
    for code in (first, second):
        assert f"'{code}'" not in log
    for made in (new, begun, opened, handed, link, visit, invitation, TicketSecret(ticket)):
        assert not any(canary in repr(made) for canary in canaries), "nor in a traceback"


async def test_a_record_says_who_what_where_when_and_why(world: World) -> None:
    consent, tina = await world.consent(), await world.session("tina", ELSEWHERE)
    with pytest.raises(GatewayError):
        await issue_ticket(world.s, tina, consent_id=consent.id, now=world.now)
    (record,) = await world.audit()
    assert (record.actor, record.role, record.address) == ("tina", "tenant", ELSEWHERE)
    assert (record.action, record.target) == ("console.ticket", consent.resource_id)
    assert (record.outcome, record.code) == ("denied", "StepUpNeeded")
    assert (record.moment, record.reason) == (
        world.now,
        "confirm that it is you to open this console",
    )
    assert record.facts == {"consent": consent.id}


async def test_the_log_tells_a_foreign_thing_from_a_missing_one(world: World) -> None:
    """Outside, both are not found; whoever reads the log sees who tries doors."""
    consent, theo = await world.consent(), await world.session("theo")
    for consent_id in (consent.id, "0" * 32):
        with pytest.raises(GatewayError):
            await issue_ticket(world.s, theo, consent_id=consent_id, now=world.now)
    foreign, missing = await world.audit()
    assert foreign.facts["denied"] == "NoSuchConsent"
    assert missing.facts == {"missing": True}


async def test_an_action_without_a_record_is_a_fault(world: World) -> None:
    with pytest.raises(AssertionError):
        async with deciding(world.s, GATEWAY, Act.SIGN_OUT, now=world.now):
            pass


async def test_what_crashes_leaves_nothing(world: World) -> None:
    consent = await world.consent()
    with pytest.raises(ZeroDivisionError):
        async with (
            deciding(world.s, GATEWAY, Act.END_CONSENT, now=world.now) as d,
            d.unit() as unit,
        ):
            await unit.consents.update(replace(consent, reason="changed"))
            raise ZeroDivisionError
    async with world.store.reading() as unit:
        assert await unit.consents.get(consent.id) == consent
    assert await world.audit() == ()


@pytest.mark.rule(10)
async def test_without_the_store_nothing_opens_and_nothing_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent, olga = await world.consent(), await world.session("olga")
    admission = await world.enter(olga, consent)
    told = len(world.facts)

    def gone() -> None:
        raise StoreUnavailable("the database's file is gone")

    monkeypatch.setattr(world.store._database, "check", gone)
    for ask in (
        issue_ticket(world.s, olga, consent_id=consent.id, now=world.now),
        admit(world.s, consent_id=consent.id, credentials=olga, address="", now=world.now),
        admission.still_allowed(),
        admission.session_allowed(),
    ):
        with pytest.raises(StoreUnavailable):
            await ask
    assert len(world.facts) == told


# Verifying


async def test_verifying_says_intact_and_is_recorded(world: World) -> None:
    ada = await world.session("ada")
    for count in (0, 1):
        result = await verify_audit(world.s, ada.actor, now=world.now)
        assert isinstance(result, Intact)
        assert result.count == count


@pytest.mark.rule(7)
async def test_verifying_names_the_first_record_that_was_changed(world: World) -> None:
    ada = await world.session("ada")
    for _ in range(3):
        await verify_audit(world.s, ada.actor, now=world.now)
    async with world.store.unit() as unit:
        await unit.audit._connection.execute(
            text("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
        )
    result = await verify_audit(world.s, ada.actor, now=world.now)
    assert isinstance(result, Broken)
    assert result.seq == 2
    assert (await world.audit())[-1].facts["first_broken"] == 2


@pytest.mark.rule(7)
async def test_a_head_kept_outside_betrays_a_log_that_was_cut_off(world: World) -> None:
    ada = await world.session("ada")
    kept = Checkpoint(seq=9, hash="f" * 64, at=world.now)
    outside = replace(world.s, checkpoints=lambda: (kept,))
    result = await verify_audit(outside, ada.actor, now=world.now)
    assert isinstance(result, Broken)


async def test_refusing_twice_is_impossible(world: World) -> None:
    """A refusal inside the unit is recorded there, and not again outside."""
    tina = await world.session("tina")
    with pytest.raises(Refused):
        await verify_audit(world.s, tina.actor, now=world.now)
    assert len(await world.audit()) == 1
