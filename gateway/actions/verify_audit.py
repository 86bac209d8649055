"""Is the audit log what was written?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.services import Services
from gateway.policy.facts import Actor

if TYPE_CHECKING:
    from gateway.store.audit_chain import Broken, Intact


async def verify_audit(s: Services, actor: Actor, *, now: datetime) -> Intact | Broken:
    """Check the whole chain, against the head kept outside the store. Raises: Refused."""
    raise NotImplementedError
