"""One-use secrets: a ticket enters the viewer's stream, a hand-off moves a grant to a browser."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.actions.authenticate import Session, actor_of
from gateway.actions.finding import visible_consent
from gateway.actions.recording import Act, Decision, deciding, stranger
from gateway.actions.services import Services
from gateway.actions.sign_in import new_sign_in
from gateway.identity.secrets import digest_of
from gateway.identity.sign_ins import why_over
from gateway.policy.consoles import STEP_UP_NEEDED, may_connect
from gateway.policy.facts import Actor, Consent, Grant
from gateway.policy.verdict import Deny
from gateway.store import SignIn, TicketKind, Unit

TICKET_LIFETIME = timedelta(seconds=60)
NO_SUCH_TICKET = Deny("NoSuchTicket", "this ticket does not work any more", hidden=True)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A browser sign-in that carries the grant; `secret` is its cookie."""

    secret: str = field(repr=False)
    sign_in: SignIn
    actor: Actor
    grant: Grant
    consent_id: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a one-use secret stood for: the operator behind it, the grant and its consent."""

    actor: Actor
    sign_in: SignIn
    grant: Grant
    consent: Consent


async def issue_ticket(s: Services, session: Session, *, consent_id: str, now: datetime) -> str:
    """The secret of a ticket for the stream: one use, 60 s, bound to this grant and address.

    Raises: Refused (`StepUpNeeded`, `StepUpStale`: show the step-up page), NotFound.
    """
    return await _issue(s, session.actor, "ticket", consent_id, now)


async def issue_handoff(s: Services, session: Session, *, consent_id: str, now: datetime) -> str:
    """The secret for the page `{public_base}/connect#{secret}`: one use, 60 s, this address.

    Raises: as `issue_ticket`.
    """
    return await _issue(s, session.actor, "handoff", consent_id, now)


async def redeem_handoff(
    s: Services, secret: str, *, address: str, user_agent: str, now: datetime
) -> HandedOver:
    """A browser sign-in for the operator who stepped up, bearing the grant from now on.

    Raises: NotFound (unknown, used, expired, other address: one answer), Refused, Throttled.
    """
    async with deciding(s, stranger(address), Act.REDEEM_HANDOFF, now=now) as d:
        s.misses.check(address, now)
        async with d.unit() as unit:
            bearer = await take_ticket(s, d, unit, secret, "handoff")
            account = await unit.accounts.by_id(bearer.actor.account_id)
            account = d.found(account, NO_SUCH_TICKET)
            begun = replace(
                new_sign_in(
                    account, kind="browser", address=address, user_agent=user_agent, now=now
                ),
                # The browser carries on what was begun elsewhere: it lasts no longer.
                expires_at=bearer.sign_in.expires_at,
                stepped_up_at=bearer.grant.stepped_up_at,
            )
            cookie, digest = s.identity.new_secret()
            await unit.sign_ins.add(begun, digest)
            grant = replace(bearer.grant, sign_in_id=begun.id)
            await unit.grants.update(grant)
            d.note(sign_in=begun.id)
            actor = actor_of(account, begun.id, address)
            return HandedOver(cookie, begun, actor, grant, grant.consent_id)


async def take_ticket(
    s: Services, d: Decision, unit: Unit, secret: str, kind: TicketKind
) -> Bearer:
    """Use up a one-use secret, also when it is refused, and see whether it still admits.

    Raises: NotFound, Refused.
    """
    ticket = await unit.tickets.take(digest_of(secret), d.now)
    grant = await unit.grants.get(ticket.grant_id) if ticket else None
    consent = await unit.consents.get(grant.consent_id) if grant else None
    if ticket is None or grant is None or consent is None:
        s.misses.missed(d.party.address, d.now)
        d.refuse(NO_SUCH_TICKET)
    d.target = consent.resource_id
    d.note(consent=consent.id, grant=grant.id)
    sign_in = await unit.sign_ins.get(grant.sign_in_id)
    account = await unit.accounts.by_id(grant.account_id)
    address = d.party.address
    if sign_in is None or account is None or ticket.kind != kind or ticket.address != address:
        d.refuse(NO_SUCH_TICKET)
    d.party = actor = actor_of(account, sign_in.id, address)
    if account.disabled or why_over(sign_in, d.now) is not None:
        d.require(Deny("SignInEnded", "the sign-in has ended"))
    safelist = await unit.safelist.list(consent.node)
    d.require(may_connect(actor, grant, consent, safelist, d.now))
    return Bearer(actor, sign_in, grant, consent)


async def _issue(
    s: Services, actor: Actor, kind: TicketKind, consent_id: str, now: datetime
) -> str:
    act = Act.ISSUE_TICKET if kind == "ticket" else Act.ISSUE_HANDOFF
    async with deciding(s, actor, act, target=consent_id, now=now) as d, d.unit() as unit:
        consent = await visible_consent(d, unit, actor, consent_id, s.node)
        grant = await _connectable(d, unit, actor, consent)
        d.note(grant=grant.id)
        secret, digest = s.identity.new_secret()
        expires_at = min(now + TICKET_LIFETIME, consent.expires_at)
        await unit.tickets.add(digest, kind, grant.id, actor.address, expires_at)
        return secret


async def _connectable(d: Decision, unit: Unit, actor: Actor, consent: Consent) -> Grant:
    """The operator's newest grant that may connect now. Raises: Refused, why the newest may not."""
    safelist = await unit.safelist.list(consent.node)
    grants = await unit.grants.for_consent(consent.id)
    mine = [grant for grant in reversed(grants) if grant.account_id == actor.account_id]
    if not mine:
        d.refuse(STEP_UP_NEEDED)
    # Any that still admits will do; else the newest says why not.
    grant = min(
        mine, key=lambda g: isinstance(may_connect(actor, g, consent, safelist, d.now), Deny)
    )
    d.require(may_connect(actor, grant, consent, safelist, d.now))
    return grant
