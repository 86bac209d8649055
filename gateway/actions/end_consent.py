"""The seed's Delete-TenantVMSession: a consent ends, and everything drawn from it."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Consent


async def end_consent(
    s: Services, actor: Actor, consent_id: str, *, reason: str, now: datetime
) -> Consent:
    """Withdrawn by a tenant, revoked by an admin, finished by an operator.

    Its grants and share links end in the same commit. Raises: Refused (it has ended), NotFound.
    """
    raise NotImplementedError
