"""The tenant consents to console access for one VM."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Consent


async def request_consent(
    s: Services, actor: Actor, *, resource_id: str, reason: str, now: datetime
) -> Consent:
    """The active consent for that VM: a new one (`given_at == now`), or the one there is.

    Asking again does not extend it (rule 2). Raises: Refused, NotFound, InvalidInput.
    """
    raise NotImplementedError
