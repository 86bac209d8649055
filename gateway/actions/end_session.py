"""The console session ends while the consent stays."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Grant


async def end_session(
    s: Services, actor: Actor, consent_id: str, *, reason: str, now: datetime
) -> tuple[Grant, ...]:
    """End the grants: an operator their own, the tenant and an admin everybody's.

    Raises: Refused (`NotRunning`), NotFound.
    """
    raise NotImplementedError
