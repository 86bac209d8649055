"""The seed's Delete-TenantVMSession: a consent ends, and everything drawn from it."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.endings import end_consent_rows
from gateway.actions.finding import visible_consent
from gateway.actions.inputs import MAX_REASON, line
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.policy.consents import end_code_for, may_end_consent
from gateway.policy.facts import Actor, Consent


async def end_consent(
    s: Services, actor: Actor, consent_id: str, *, reason: str, now: datetime
) -> Consent:
    """Withdrawn by a tenant, revoked by an admin, finished by an operator.

    Its grants and share links end in the same commit. `reason` may be empty.
    Raises: Refused (it has ended), NotFound, InvalidInput.
    """
    async with (
        deciding(s, actor, Act.END_CONSENT, target=consent_id, now=now) as d,
        d.unit() as unit,
    ):
        consent = await visible_consent(d, unit, actor, consent_id, s.node)
        d.require(may_end_consent(actor, consent, s.node, now))
        why = line("reason", reason, MAX_REASON, least=0)
        code = end_code_for(actor.role)
        d.note(end=code.value, why=why)
        return await end_consent_rows(d, unit, consent, End(code, actor.name, why, now))
