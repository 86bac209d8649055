"""The tenant consents to console access for one VM."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.inputs import MAX_REASON, line
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.bus import ConsentGiven
from gateway.policy.consents import NO_SUCH_VM, may_request_consent, new_consent
from gateway.policy.facts import Actor, Consent
from gateway.store import new_id


async def request_consent(
    s: Services, actor: Actor, *, resource_id: str, reason: str, now: datetime
) -> Consent:
    """The active consent for that VM: a new one (`given_at == now`), or the one there is.

    Asking again does not extend it (rule 2). Raises: Refused, NotFound, InvalidInput.
    """
    async with (
        deciding(s, actor, Act.REQUEST_CONSENT, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        vm = s.vm(resource_id)
        subscription = await unit.subscriptions.get(vm.subscription_id) if vm else None
        feature = await unit.features.state()
        d.require(may_request_consent(actor, subscription, vm, feature))
        vm = d.found(vm, NO_SUCH_VM)
        d.target = vm.resource_id
        # The seed's enableVmAccess carries no reason; the page asks for one.
        reason = line("reason", reason, MAX_REASON, least=0)
        running = await unit.consents.active_for(vm.key, now)
        if running is not None:
            d.note(consent=running.id, existing=True)
            return running
        consent = new_consent(consent_id=new_id(), actor=actor, vm=vm, reason=reason, now=now)
        await unit.consents.add(consent)
        d.note(consent=consent.id, node=consent.node, why=reason)
        d.publish(ConsentGiven(consent))
        return consent
