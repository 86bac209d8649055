"""The seed's ConnectTo-TenantVm: an operator proves again who they are and gets a grant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.actions.authenticate import Session
from gateway.actions.finding import visible_consent
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.errors import NotSignedIn
from gateway.identity.sign_ins import why_over
from gateway.policy.consoles import may_open_console
from gateway.policy.facts import Actor, Consent, Grant
from gateway.store import SignIn, Unit, new_id


@dataclass(frozen=True, slots=True)
class Opened:
    """A grant; `secret` replaces the cookie or token of the sign-in, whose old one is dead."""

    grant: Grant
    consent: Consent
    sign_in: SignIn
    secret: str = field(repr=False)


async def open_console(
    s: Services,
    session: Session,
    *,
    consent_id: str,
    password: str,
    code: str | None,
    now: datetime,
) -> Opened:
    """Step up and draw a grant from the consent; the first connection follows within 60 s.

    Raises: Refused, NotFound, NotSignedIn (the step-up failed; the sign-in stays), Throttled.
    """
    actor = session.actor
    async with deciding(s, actor, Act.OPEN_CONSOLE, target=consent_id, now=now) as d:
        async with s.store.reading() as unit:
            await _openable(s, d, unit, actor, consent_id)
        await s.identity.prove(s.store.unit, actor.name, password, code, actor.address, now)
        return await draw_grant(s, d, actor, consent_id)


async def draw_grant(s: Services, d: Decision, actor: Actor, consent_id: str) -> Opened:
    """What follows a proof of who `actor` is; everything is judged once more: it took its time.

    Raises: Refused, NotFound, NotSignedIn.
    """
    async with d.unit() as unit:
        consent = await _openable(s, d, unit, actor, consent_id)
        sign_in = await unit.sign_ins.get(actor.sign_in_id)
        if sign_in is None or why_over(sign_in, d.now) is not None:
            raise NotSignedIn("sign in first")
        secret, digest = s.identity.new_secret()
        await unit.sign_ins.rotate(sign_in.id, digest, stepped_up_at=d.now)
        grant = new_grant(consent, actor, d.now)
        await unit.grants.add(grant)
        d.note(grant=grant.id)
        stepped_up = replace(sign_in, stepped_up_at=d.now, last_seen_at=d.now)
        return Opened(grant, consent, stepped_up, secret)


def new_grant(consent: Consent, actor: Actor, now: datetime) -> Grant:
    """The grant that `actor` draws from `consent`, having stepped up now."""
    return Grant(
        id=new_id(),
        consent_id=consent.id,
        account_id=actor.account_id,
        operator=actor.name,
        sign_in_id=actor.sign_in_id,
        address=actor.address,
        stepped_up_at=now,
    )


async def _openable(s: Services, d: Decision, unit: Unit, actor: Actor, consent_id: str) -> Consent:
    consent = await visible_consent(d, unit, actor, consent_id, s.node)
    safelist = await unit.safelist.list(s.node)
    vm = s.vm(consent.resource_id)
    d.require(may_open_console(actor, consent, vm, safelist, node=s.node, now=d.now))
    return consent
