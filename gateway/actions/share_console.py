"""Share links: making, revoking and redeeming a view-only way into a running console session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.actions.endings import end_link
from gateway.actions.finding import link_of, visible_consent
from gateway.actions.inputs import MAX_GUEST_NAME, MAX_LABEL, line
from gateway.actions.recording import Act, Decision, Party, deciding, stranger
from gateway.actions.services import Services
from gateway.consoles.participants import End, Part
from gateway.errors import InvalidInput
from gateway.identity.secrets import digest_of
from gateway.policy.consoles import (
    NO_SUCH_LINK,
    link_active,
    may_redeem,
    may_revoke_link,
    may_share,
)
from gateway.policy.facts import Actor, Consent, EndCode, ShareLink, Visit
from gateway.policy.verdict import Deny
from gateway.store import Unit, new_id

MAX_CAPACITY = 50


@dataclass(frozen=True, slots=True)
class Shared:
    """A share link; the address for people is `{public_base}/join#{secret}`, said once."""

    link: ShareLink
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A visit; `secret` is the visit cookie."""

    visit: Visit
    secret: str = field(repr=False)


async def share_console(
    s: Services, actor: Actor, consent_id: str, *, label: str, capacity: int, now: datetime
) -> Shared:
    """Make a link to the running console session.

    Raises: Refused, NotFound, InvalidInput (`label` ≤ 80 characters, may be empty; `capacity` 1
    to 50).
    """
    async with (
        deciding(s, actor, Act.SHARE_CONSOLE, target=consent_id, now=now) as d,
        d.unit() as unit,
    ):
        consent = await visible_consent(d, unit, actor, consent_id, s.node)
        grants = await unit.grants.for_consent(consent.id)
        d.require(may_share(actor, consent, grants, s.node, now))
        if not 1 <= capacity <= MAX_CAPACITY:
            raise InvalidInput("capacity", f"from 1 to {MAX_CAPACITY}")
        link = ShareLink(
            id=new_id(),
            consent_id=consent.id,
            created_by=actor.name,
            created_at=now,
            expires_at=consent.expires_at,
            capacity=capacity,
            label=line("label", label, MAX_LABEL, least=0),
        )
        secret, digest = s.identity.new_secret()
        await unit.links.add(link, digest)
        d.note(link=link.id, capacity=capacity, label=link.label)
        return Shared(link, secret)


async def revoke_link(s: Services, actor: Actor, link_id: str, *, now: datetime) -> ShareLink:
    """Its guests are cut. Raises: Refused (it is dead already), NotFound."""
    async with (
        deciding(s, actor, Act.REVOKE_LINK, target=link_id, now=now) as d,
        d.unit() as unit,
    ):
        link = await link_of(d, unit, link_id)
        consent = d.found(await unit.consents.get(link.consent_id), NO_SUCH_LINK)
        d.target = consent.resource_id
        d.note(link=link.id, consent=consent.id)
        d.require(may_revoke_link(actor, link, consent, s.node))
        end = End(EndCode.LINK_REVOKED, actor.name, "the share link was revoked", now)
        return await end_link(d, unit, link, end)


async def redeem_link(
    s: Services, secret: str, *, name: str, address: str, now: datetime
) -> Redeemed:
    """Join as a guest who calls themself `name`.

    Raises: NotFound (whatever is wrong with the link), Refused (`LinkFull`), InvalidInput
    (`name`), Throttled (20 wrong guesses a minute and address).
    """
    async with deciding(s, stranger(address), Act.REDEEM_LINK, now=now) as d:
        s.misses.check(address, now)
        async with d.unit() as unit:
            link, consent = await _linked(s, d, unit, secret)
            d.require(may_redeem(link, consent, await unit.visits.count(link.id), now))
            visit = Visit(
                id=new_id(),
                link_id=link.id,
                consent_id=consent.id,
                name=line("name", name, MAX_GUEST_NAME),
                address=address,
                created_at=now,
                expires_at=link.expires_at,
            )
            cookie, digest = s.identity.new_secret()
            await unit.visits.add(visit, digest)
            d.party = Party(visit.name, Part.GUEST.value, address)
            d.note(visit=visit.id)
            return Redeemed(visit, cookie)


async def _linked(s: Services, d: Decision, unit: Unit, secret: str) -> tuple[ShareLink, Consent]:
    """The link and its consent. Raises: NotFound; a dead link counts as a wrong guess too."""
    link = await unit.links.by_digest(digest_of(secret))
    consent = await unit.consents.get(link.consent_id) if link else None
    if link is None or consent is None:
        s.misses.missed(d.party.address, d.now)
        d.refuse(NO_SUCH_LINK)
    d.target = consent.resource_id
    d.note(link=link.id, consent=consent.id)
    if isinstance(link_active(link, consent, d.now), Deny):
        s.misses.missed(d.party.address, d.now)
    return link, consent
