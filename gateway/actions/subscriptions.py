"""Enabling and disabling emergency access for a subscription."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Subscription


async def enable_subscription(
    s: Services, actor: Actor, subscription_id: str, *, now: datetime
) -> Subscription:
    """Raises: Refused, InvalidInput (not a GUID)."""
    raise NotImplementedError


async def disable_subscription(
    s: Services, actor: Actor, subscription_id: str, *, now: datetime
) -> Subscription:
    """Its active consents end in the same commit (rule 3). Raises: Refused, InvalidInput."""
    raise NotImplementedError
