"""Enabling and disabling emergency access for a subscription."""

from __future__ import annotations

from datetime import datetime

from gateway.actions import inputs
from gateway.actions.endings import end_consent_rows
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.bus import SubscriptionChanged
from gateway.consoles.participants import End
from gateway.policy.administration import may_administer
from gateway.policy.facts import Actor, EndCode, Subscription


async def enable_subscription(
    s: Services, actor: Actor, subscription_id: str, *, now: datetime
) -> Subscription:
    """Raises: Refused, InvalidInput (not a GUID)."""
    async with (
        deciding(s, actor, Act.ENABLE_SUBSCRIPTION, target=subscription_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        d.target = key = inputs.subscription_id(subscription_id)
        await unit.subscriptions.set_enabled(key, True, now)
        d.publish(SubscriptionChanged(key, enabled=True))
        return Subscription(key, enabled=True)


async def disable_subscription(
    s: Services, actor: Actor, subscription_id: str, *, now: datetime
) -> Subscription:
    """Its active consents end in the same commit (rule 3). Raises: Refused, InvalidInput."""
    async with (
        deciding(s, actor, Act.DISABLE_SUBSCRIPTION, target=subscription_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        d.target = key = inputs.subscription_id(subscription_id)
        await unit.subscriptions.set_enabled(key, False, now)
        why = "emergency access was disabled for the subscription"
        end = End(EndCode.SUBSCRIPTION_DISABLED, actor.name, why, now)
        consents = await unit.consents.active(now, subscription_ids=(key,))
        for consent in consents:
            await end_consent_rows(d, unit, consent, end)
        d.note(consents_ended=len(consents))
        d.publish(SubscriptionChanged(key, enabled=False))
        return Subscription(key, enabled=False)
