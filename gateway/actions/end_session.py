"""The console session ends while the consent stays."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.endings import end_grant
from gateway.actions.finding import visible_consent
from gateway.actions.inputs import MAX_REASON, line
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.policy.consents import end_code_for
from gateway.policy.consoles import grants_to_end, may_end_session
from gateway.policy.facts import Actor, Grant


async def end_session(
    s: Services, actor: Actor, consent_id: str, *, reason: str, now: datetime
) -> tuple[Grant, ...]:
    """End the grants: an operator their own, the tenant and an admin everybody's.

    With the last grant the console closes for every viewer. `reason` may be empty.
    Raises: Refused (`NotRunning`), NotFound, InvalidInput.
    """
    async with (
        deciding(s, actor, Act.END_SESSION, target=consent_id, now=now) as d,
        d.unit() as unit,
    ):
        consent = await visible_consent(d, unit, actor, consent_id, s.node)
        grants = await unit.grants.for_consent(consent.id)
        d.require(may_end_session(actor, consent, grants, s.node, now))
        why = line("reason", reason, MAX_REASON, least=0)
        end = End(end_code_for(actor.role), actor.name, why, now)
        ending = grants_to_end(actor, grants)
        d.note(end=end.code.value, why=why, grants=len(ending))
        return tuple([await end_grant(d, unit, grant, end) for grant in ending])
