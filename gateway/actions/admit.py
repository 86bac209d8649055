"""Who may enter a console session's stream, with which rights, and whether they still may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.actions.authenticate import Session
from gateway.actions.finding import visible_consent
from gateway.actions.recording import Act, Decision, Party, deciding, stranger
from gateway.actions.services import Services
from gateway.actions.still_allowed import (
    GuestCheck,
    OperatorCheck,
    SessionCheck,
    WatcherCheck,
)
from gateway.actions.tickets import NO_SUCH_TICKET, take_ticket
from gateway.consoles.participants import Part, Participant, Rights
from gateway.identity.secrets import digest_of
from gateway.inventory import Machine
from gateway.policy.consoles import NO_SUCH_LINK, VM_GONE, may_visit, may_watch, still_there
from gateway.policy.facts import Consent, EndCode, Role
from gateway.store import ConsoleRecord, Unit, new_id

_PARTS = {Role.TENANT: Part.TENANT, Role.ADMIN: Part.ADMIN}


@dataclass(frozen=True, slots=True)
class TicketSecret:
    """An operator's ticket, from `issue_ticket`."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VisitSecret:
    """A guest's visit cookie, from `redeem_link`."""

    secret: str = field(repr=False)


Credentials = TicketSecret | VisitSecret | Session
"""A session admits tenants and admins to watch; an operator needs a ticket."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to enter. INVARIANT: decided from committed rows, so ask again once registered.

    The caller attaches the participant first and awaits `still_allowed()` before the first frame:
    a revocation in between then either finds the viewer or is found by it.
    """

    participant: Participant
    rights: Rights
    consent: Consent
    machine: Machine
    still_allowed: Callable[[], Awaitable[EndCode | None]]
    """Why this viewer must go, or None, by a reading of its own. Raises: StoreUnavailable.

    A bound method of its check, by which `Rereading` judges many at once.
    """
    session_allowed: Callable[[], Awaitable[EndCode | None]]
    """Why the whole console session must end, or None: the consent and every grant, not only ours.

    `LEFT` when no grant is open any more. Raises: StoreUnavailable.
    """
    left: Callable[[], Awaitable[None]]
    """To be called when the viewer has left: an operator may return within two minutes."""


async def admit(
    s: Services, *, consent_id: str, credentials: Credentials, address: str, now: datetime
) -> Admission:
    """Decide whether `credentials` enter the console of that consent.

    Raises: Refused (`NotRunning`: no operator has it open), NotFound, StoreUnavailable, Throttled
    (20 wrong guesses a minute and address).
    """
    party = credentials.actor if isinstance(credentials, Session) else stranger(address)
    async with deciding(s, party, Act.ENTER_CONSOLE, target=consent_id, now=now) as d:
        if not isinstance(credentials, Session):
            s.misses.check(address, now)
        return await _admit(s, d, credentials, consent_id)


async def _admit(s: Services, d: Decision, credentials: Credentials, consent_id: str) -> Admission:
    async with d.unit() as unit:
        match credentials:
            case TicketSecret(secret):
                return await _admit_operator(s, d, unit, secret, consent_id)
            case VisitSecret(secret):
                return await _admit_guest(s, d, unit, secret, consent_id)
            case Session():
                return await _admit_watcher(s, d, unit, credentials, consent_id)


async def _admit_operator(
    s: Services, d: Decision, unit: Unit, secret: str, consent_id: str
) -> Admission:
    bearer = await take_ticket(s, d, unit, secret, "ticket")
    consent, grant = bearer.consent, bearer.grant
    if consent.id != consent_id:
        d.refuse(NO_SUCH_TICKET)
    machine = _machine(s, d, consent)
    opened = replace(grant, opened_at=grant.opened_at or d.now, last_seen_at=d.now)
    await unit.grants.update(opened)
    await _begin_record(unit, consent, d.now)
    participant = Participant(
        id=new_id(),
        name=grant.operator,
        role=Part.OPERATOR,
        since=d.now,
        account_id=grant.account_id,
        sign_in_id=grant.sign_in_id,
        grant_id=grant.id,
    )
    check = OperatorCheck(s, consent.id, machine, grant.id)
    rights = Rights.VIEW | Rights.TYPE
    _note(d, participant)
    return _admission(check, participant, rights, consent)


async def _admit_watcher(
    s: Services, d: Decision, unit: Unit, session: Session, consent_id: str
) -> Admission:
    actor = session.actor
    consent = await visible_consent(d, unit, actor, consent_id, s.node)
    grants = await unit.grants.for_consent(consent.id)
    d.require(may_watch(actor, consent, grants, s.node, d.now))
    machine = _machine(s, d, consent)
    participant = Participant(
        id=new_id(),
        name=actor.name,
        role=_PARTS[actor.role],
        since=d.now,
        account_id=actor.account_id,
        sign_in_id=actor.sign_in_id,
    )
    check = WatcherCheck(s, consent.id, machine, actor.sign_in_id)
    _note(d, participant)
    return _admission(check, participant, Rights.VIEW, consent)


async def _admit_guest(
    s: Services, d: Decision, unit: Unit, secret: str, consent_id: str
) -> Admission:
    visit = await unit.visits.by_digest(digest_of(secret))
    if visit is None:
        s.misses.missed(d.party.address, d.now)
    visit = d.found(visit, NO_SUCH_LINK)
    d.party = Party(visit.name, Part.GUEST.value, d.party.address)
    link = d.found(await unit.links.get(visit.link_id), NO_SUCH_LINK)
    consent = d.found(await unit.consents.get(visit.consent_id), NO_SUCH_LINK)
    d.target = consent.resource_id
    d.note(consent=consent.id, link=link.id, visit=visit.id)
    if consent.id != consent_id:
        d.refuse(NO_SUCH_LINK)
    grants = await unit.grants.for_consent(consent.id)
    d.require(may_visit(visit, link, consent, grants, d.now))
    machine = _machine(s, d, consent)
    participant = Participant(
        id=new_id(),
        name=visit.name,
        role=Part.GUEST,
        since=d.now,
        visit_id=visit.id,
        link_id=link.id,
    )
    check = GuestCheck(s, consent.id, machine, visit, link.id)
    _note(d, participant)
    return _admission(check, participant, Rights.VIEW, consent)


def _admission(
    check: OperatorCheck | WatcherCheck | GuestCheck,
    participant: Participant,
    rights: Rights,
    consent: Consent,
) -> Admission:
    return Admission(
        participant=participant,
        rights=rights,
        consent=consent,
        machine=check.machine,
        still_allowed=check.why_not,
        session_allowed=SessionCheck(check.s, consent.id, check.machine).why_not,
        left=check.left,
    )


def _note(d: Decision, participant: Participant) -> None:
    d.note(part=participant.role.value, participant=participant.id)


def _machine(s: Services, d: Decision, consent: Consent) -> Machine:
    """The machine that the consent was given for. Raises: Refused, when it is gone."""
    machine = s.inventory.get(consent.resource_id)
    d.require(still_there(consent, machine.vm if machine else None, s.node))
    if machine is None:
        d.refuse(VM_GONE)
    return machine


async def _begin_record(unit: Unit, consent: Consent, now: datetime) -> None:
    """History has one record per console session: from the first operator in to the last out."""
    records = await unit.sessions.for_consent(consent.id)
    if all(record.ended_at is not None for record in records):
        await unit.sessions.add(ConsoleRecord(new_id(), consent.id, opened_at=now))
