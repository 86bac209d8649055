"""What people may look at. Reading changes nothing; what may not be seen is left out.

An admin's lists refuse everybody else, and that refusal is recorded. Looking at what one may see
is not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from gateway.actions.finding import consent_of
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.errors import NotFound
from gateway.identity.secrets import digest_of
from gateway.policy.administration import may_administer
from gateway.policy.consents import NO_SUCH_CONSENT, consent_end, feature_enabled, may_see
from gateway.policy.consoles import NO_SUCH_LINK, link_active, may_connect
from gateway.policy.facts import (
    Actor,
    Consent,
    Grant,
    Role,
    ShareLink,
    Subscription,
    Visit,
    Vm,
    Workstation,
)
from gateway.policy.verdict import Deny
from gateway.store import Account, AuditFilter, AuditRecord, NamedSignIn, PastSession, Unit


@dataclass(frozen=True, slots=True)
class TenantVm:
    """A VM that a tenant may consent for, whether they can now, and the consent there is."""

    vm: Vm
    enabled: bool  # an admin enabled emergency access for its subscription
    consent: Consent | None


class LinkView(NamedTuple):
    """A share link that works, and how many browsers have joined by it."""

    link: ShareLink
    joined: int


async def see_consent(s: Services, actor: Actor, consent_id: str, *, now: datetime) -> Consent:  # noqa: ARG001
    """Active or ended. Raises: NotFound."""
    async with s.store.reading() as unit:
        return await _visible(s, unit, actor, consent_id)


async def find_consent(s: Services, actor: Actor, resource_id: str, *, now: datetime) -> Consent:
    """The active consent for a VM, however its resource id is written. Raises: NotFound."""
    vm = s.vm(resource_id)
    async with s.store.reading() as unit:
        consent = await unit.consents.active_for(vm.key, now) if vm else None
    if consent is None or isinstance(may_see(actor, consent, s.node), Deny):
        raise NotFound(NO_SUCH_CONSENT.reason)
    return consent


async def see_visit(s: Services, secret: str, *, now: datetime) -> tuple[Visit, Consent]:
    """What a guest's cookie is good for. Raises: NotFound."""
    async with s.store.reading() as unit:
        visit = await unit.visits.by_digest(digest_of(secret))
        link = await unit.links.get(visit.link_id) if visit else None
        consent = await unit.consents.get(visit.consent_id) if visit else None
    if visit is None or link is None or consent is None:
        raise NotFound(NO_SUCH_LINK.reason)
    if visit.expires_at <= now or isinstance(link_active(link, consent, now), Deny):
        raise NotFound(NO_SUCH_LINK.reason)
    return visit, consent


async def consent_that_ended(s: Services, visit: Visit, *, now: datetime) -> Consent | None:
    """The consent with which `visit` ended; None where it has ended by itself or not at all.

    For a guest who watched until now: whoever comes later learns that the link is dead, no more.
    """
    async with s.store.reading() as unit:
        link = await unit.links.get(visit.link_id)
        consent = await unit.consents.get(visit.consent_id)
    if link is None or consent is None or consent_end(consent, now) is None:
        return None
    ended_at = consent.ended_at or consent.expires_at
    alone = link.revoked_at is not None and link.revoked_at < ended_at
    return None if alone else consent


async def list_consents(s: Services, actor: Actor, *, now: datetime) -> Sequence[Consent]:
    """The active ones that the actor may see: a tenant's, this node's for an operator, all."""
    node, subscriptions = _scope(s, actor)
    async with s.store.reading() as unit:
        return await unit.consents.active(now, node=node, subscription_ids=subscriptions)


async def list_history(
    s: Services, actor: Actor, *, limit: int = 100, before: Consent | None = None
) -> Sequence[Consent]:
    """Ended and active consents that the actor may see, newest first."""
    node, subscriptions = _scope(s, actor)
    async with s.store.reading() as unit:
        return await unit.consents.history(
            limit, node=node, subscription_ids=subscriptions, before=before
        )


async def list_sessions(s: Services, actor: Actor, *, limit: int = 100) -> Sequence[PastSession]:
    """Console sessions, running and past, that the actor may see, newest first."""
    node, subscriptions = _scope(s, actor)
    async with s.store.reading() as unit:
        return await unit.sessions.list(limit, node=node, subscription_ids=subscriptions)


async def list_grants(s: Services, actor: Actor, consent_id: str) -> Sequence[Grant]:
    """Who opened that console, and when. Only an admin learns from where. Raises: NotFound."""
    async with s.store.reading() as unit:
        consent = await _visible(s, unit, actor, consent_id)
        grants = await unit.grants.for_consent(consent.id)
    if actor.role is Role.ADMIN:
        return grants
    return tuple(replace(grant, address="", sign_in_id="") for grant in grants)


async def own_grant(s: Services, actor: Actor, consent_id: str, *, now: datetime) -> Grant | None:
    """The grant with which this sign-in may connect now, without another step-up."""
    async with s.store.reading() as unit:
        consent = await consent_of(unit, consent_id)
        if consent is None:
            return None
        safelist = await unit.safelist.list(consent.node)
        grants = await unit.grants.for_consent(consent.id)
    for grant in reversed(grants):
        if not isinstance(may_connect(actor, grant, consent, safelist, now), Deny):
            return grant
    return None


async def list_links(
    s: Services, actor: Actor, consent_id: str, *, now: datetime
) -> Sequence[LinkView]:
    """The share links that work. Raises: NotFound."""
    async with s.store.reading() as unit:
        consent = await _visible(s, unit, actor, consent_id)
        return [
            LinkView(link, await unit.visits.count(link.id))
            for link in await unit.links.for_consent(consent.id)
            if not isinstance(link_active(link, consent, now), Deny)
        ]


async def list_vms(s: Services, actor: Actor, *, now: datetime) -> Sequence[TenantVm]:
    """A tenant's VMs, by name; nobody else has any."""
    if actor.role is not Role.TENANT:
        return ()
    vms = [m.vm for m in s.inventory.machines() if m.vm.subscription_id in actor.subscriptions]
    async with s.store.reading() as unit:
        feature = await unit.features.state()
        known = {subscription.id: subscription for subscription in await unit.subscriptions.list()}
        active = await unit.consents.active(now, subscription_ids=actor.subscriptions)
    consents = {consent.vm_key: consent for consent in active}
    return [
        TenantVm(vm, feature_enabled(feature, known.get(vm.subscription_id)), consents.get(vm.key))
        for vm in sorted(vms, key=lambda vm: (vm.name.lower(), vm.key))
    ]


async def list_subscriptions(s: Services, actor: Actor) -> Sequence[Subscription]:
    """Every subscription of the inventory or once enabled. Admin only. Raises: Refused."""
    await _admins_only(s, actor, "subscriptions")
    async with s.store.reading() as unit:
        known = {subscription.id: subscription for subscription in await unit.subscriptions.list()}
    for machine in s.inventory.machines():
        key = machine.vm.subscription_id
        known.setdefault(key, Subscription(key, enabled=False))
    return [known[key] for key in sorted(known)]


async def list_workstations(
    s: Services, actor: Actor, node: str | None = None
) -> Sequence[Workstation]:
    """The safelist, of one node or all. Admin only. Raises: Refused."""
    await _admins_only(s, actor, "safelist")
    async with s.store.reading() as unit:
        return await unit.safelist.list(node)


async def list_accounts(s: Services, actor: Actor) -> Sequence[Account]:
    """By name. Admin only. Raises: Refused."""
    await _admins_only(s, actor, "accounts")
    async with s.store.reading() as unit:
        return await unit.accounts.list()


async def list_sign_ins(s: Services, actor: Actor, *, now: datetime) -> Sequence[NamedSignIn]:
    """Those that hold now: everybody's for an admin, else one's own. Refuses nobody."""
    async with s.store.reading() as unit:
        named = await unit.sign_ins.named(now)
    mine = actor.account_id
    return [n for n in named if actor.role is Role.ADMIN or n.sign_in.account_id == mine]


async def audit_page(
    s: Services,
    actor: Actor,
    *,
    before: int | None = None,
    limit: int = 100,
    filters: Mapping[str, Any] | None = None,
) -> Sequence[AuditRecord]:
    """Audit records older than number `before`, newest first. Admin only. Raises: Refused.

    `filters`: the fields of `AuditFilter` that records must match.
    """
    await _admins_only(s, actor, "audit")
    async with s.store.reading() as unit:
        return await unit.audit.page(before, limit, AuditFilter(**(filters or {})))


def _scope(s: Services, actor: Actor) -> tuple[str | None, Collection[str] | None]:
    """The node and the subscriptions that bound what `actor` sees; None means all. As `may_see`."""
    match actor.role:
        case Role.ADMIN:
            return None, None
        case Role.CLOUDADMIN:
            return s.node, None
        case Role.TENANT:
            return None, actor.subscriptions


async def _visible(s: Services, unit: Unit, actor: Actor, consent_id: str) -> Consent:
    consent = await consent_of(unit, consent_id)
    if consent is None or isinstance(may_see(actor, consent, s.node), Deny):
        raise NotFound(NO_SUCH_CONSENT.reason)
    return consent


async def _admins_only(s: Services, actor: Actor, what: str) -> None:
    """Raises: Refused, with a record of it. An admin's own reading leaves none."""
    verdict = may_administer(actor)
    if isinstance(verdict, Deny):
        async with deciding(s, actor, Act.READ, target=what, now=s.clock()) as d:
            d.refuse(verdict)
