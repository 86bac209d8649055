"""Rules about consents: who may give, see and end one, and until when it holds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from gateway.policy.facts import (
    CONSENT_LIFETIME,
    Actor,
    Consent,
    EndCode,
    FeatureState,
    Role,
    Subscription,
    Vm,
)
from gateway.policy.verdict import ALLOW, Deny, Verdict, all_of, unless

_END_CODE_BY_ROLE = {
    Role.TENANT: EndCode.WITHDRAWN,
    Role.CLOUDADMIN: EndCode.FINISHED,
    Role.ADMIN: EndCode.REVOKED,
}

NO_SUCH_VM = Deny("NoSuchVm", "there is no such virtual machine in your subscriptions", hidden=True)
NO_SUCH_CONSENT = Deny("NoSuchConsent", "there is no such consent", hidden=True)


def may_request_consent(
    actor: Actor,
    subscription: Subscription | None,
    vm: Vm | None,
    feature: FeatureState = FeatureState.TENANT_SUBSCRIPTION_LEVEL,
) -> Verdict:
    """Rule 3: a tenant of that subscription, where an admin enabled it, for a known VM.

    `subscription` is the VM's own; `None` when no admin ever enabled it.
    """
    if actor.role is not Role.TENANT:
        return Deny("NotATenant", "only a tenant can consent to console access")
    if vm is None or vm.subscription_id not in actor.subscriptions:
        return NO_SUCH_VM
    if feature is FeatureState.DISABLED:
        return Deny("SubscriptionNotEnabled", "emergency access is disabled for everybody")
    mine = subscription if subscription and subscription.id == vm.subscription_id else None
    if not feature_enabled(feature, mine):
        return Deny(
            "SubscriptionNotEnabled", "emergency access is not enabled for this subscription"
        )
    return ALLOW


def feature_enabled(feature: FeatureState, subscription: Subscription | None) -> bool:
    """Whether emergency access is possible; the global state wins over the subscription's own."""
    if feature is FeatureState.TENANT_SUBSCRIPTION_LEVEL:
        return subscription is not None and subscription.enabled
    return feature is FeatureState.ENABLED


def may_see_vm(actor: Actor, vm: Vm | None) -> Verdict:
    """A tenant sees the VMs of their subscriptions; a foreign one is as a missing one."""
    owned = vm is not None and vm.subscription_id in actor.subscriptions
    return unless(not owned, NO_SUCH_VM)


def new_consent(*, consent_id: str, actor: Actor, vm: Vm, reason: str, now: datetime) -> Consent:
    """The consent that `actor` gives for `vm` now. It runs for `CONSENT_LIFETIME`, no longer."""
    return Consent(
        id=consent_id,
        vm_key=vm.key,
        resource_id=vm.resource_id,
        subscription_id=vm.subscription_id,
        node=vm.node,
        tenant=actor.name,
        tenant_account_id=actor.account_id,
        reason=reason,
        given_at=now,
        expires_at=now + CONSENT_LIFETIME,
    )


def consent_active(consent: Consent, now: datetime) -> Verdict:
    """Rule 2: a consent holds from the moment it was given until it ends or runs out."""
    if consent.ended_at is not None:
        return Deny("ConsentEnded", "the consent was ended")
    if consent.expires_at <= now:
        return Deny("ConsentExpired", "the consent has run out")
    return ALLOW


def consent_end(consent: Consent, now: datetime) -> EndCode | None:
    """Why `consent` no longer holds, or None while it does."""
    if consent.ended_at is not None:
        return consent.end_code or EndCode.REVOKED
    return EndCode.EXPIRED if consent.expires_at <= now else None


def may_see(actor: Actor, consent: Consent, node: str) -> Verdict:
    """A tenant sees those of their subscriptions, an operator those of this node, an admin all."""
    if actor.role is Role.ADMIN:
        return ALLOW
    if actor.role is Role.TENANT and consent.subscription_id in actor.subscriptions:
        return ALLOW
    if actor.role is Role.CLOUDADMIN and consent.node == node:
        return ALLOW
    return NO_SUCH_CONSENT


def may_end_consent(actor: Actor, consent: Consent, node: str, now: datetime) -> Verdict:
    """Whoever may see a consent may end it, once, while it runs."""
    return all_of(may_see(actor, consent, node), consent_active(consent, now))


def end_code_for(role: Role) -> EndCode:
    """What it is called when somebody of `role` ends a consent."""
    return _END_CODE_BY_ROLE[role]


def subscription_id(text: str) -> str | None:
    """The canonical form of a subscription id, which is a GUID in lower case; None for others."""
    try:
        canonical = str(UUID(text))
    except ValueError:
        return None
    # UUID() also takes braces, URN prefixes and missing dashes; a resource id has none of those.
    return canonical if canonical == text.lower() else None
