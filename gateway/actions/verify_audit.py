"""Is the audit log what was written?"""

from __future__ import annotations

import asyncio
from datetime import datetime

from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.policy.administration import may_administer
from gateway.policy.facts import Actor
from gateway.store import Broken, Intact


async def verify_audit(s: Services, actor: Actor, *, now: datetime) -> Intact | Broken:
    """Check the whole chain, against the heads kept outside the store. Raises: Refused."""
    async with deciding(s, actor, Act.VERIFY_AUDIT, target="audit", now=now) as d:
        d.require(may_administer(actor))
        # All of them: the newest alone vouches for a log that was rewritten before it was noted.
        checkpoints = await asyncio.to_thread(s.checkpoints)
        # A reading unit: a long log is checked without keeping any writer waiting.
        async with s.store.reading() as unit:
            result = await unit.audit.verify(checkpoints)
        async with d.unit():
            d.note(intact=isinstance(result, Intact))
            if isinstance(result, Broken):
                d.note(first_broken=result.seq, why=result.why)
        return result
