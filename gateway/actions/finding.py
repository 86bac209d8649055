"""Rows that an actor names: found and visible, or not found, in the same words."""

from __future__ import annotations

from gateway.actions.inputs import known_id
from gateway.actions.recording import Decision
from gateway.policy.consents import NO_SUCH_CONSENT, may_see
from gateway.policy.consoles import NO_SUCH_LINK
from gateway.policy.facts import Actor, Consent, ShareLink
from gateway.policy.verdict import Deny
from gateway.store import Account, Unit

NO_SUCH_ACCOUNT = Deny("NoSuchAccount", "there is no such account", hidden=True)


async def visible_consent(
    d: Decision, unit: Unit, actor: Actor, consent_id: str, node: str
) -> Consent:
    """Active or ended. Raises: NotFound, also for one that `actor` may not see."""
    consent = d.found(await consent_of(unit, consent_id), NO_SUCH_CONSENT)
    d.target = consent.resource_id
    d.note(consent=consent.id)
    d.require(may_see(actor, consent, node))
    return consent


async def consent_of(unit: Unit, consent_id: str) -> Consent | None:
    """The consent with that id, whatever the id's form."""
    known = known_id(consent_id)
    return await unit.consents.get(known) if known else None


async def account_of(d: Decision, unit: Unit, account_id: str) -> Account:
    """Raises: NotFound."""
    known = known_id(account_id)
    account = d.found(await unit.accounts.by_id(known) if known else None, NO_SUCH_ACCOUNT)
    d.target = account.name
    return account


async def link_of(d: Decision, unit: Unit, link_id: str) -> ShareLink:
    """Raises: NotFound."""
    known = known_id(link_id)
    return d.found(await unit.links.get(known) if known else None, NO_SUCH_LINK)
