"""An operator proposes a recovery; the tenant approves it, with a secret of their own, or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.actions.asking import announce, asking, bare_action, end_unsent
from gateway.actions.extensions import running_machine
from gateway.actions.finding import visible_consent
from gateway.actions.inputs import MAX_REASON, line
from gateway.actions.recording import Act, deciding
from gateway.actions.recovery_view import visible_action
from gateway.actions.services import Services
from gateway.actions.wanted import Wanted, offered_kind, request_wanted
from gateway.errors import Conflict
from gateway.policy.consents import NO_SUCH_CONSENT
from gateway.policy.consoles import VM_GONE
from gateway.policy.facts import Actor
from gateway.policy.recovery import ActionState, may_decide, may_propose
from gateway.recovery.catalogue import Failure
from gateway.recovery.extension import handler_of
from gateway.recovery.handlers import GuestOs, handler_for
from gateway.recovery.plan import plan_for
from gateway.store import RecoveryAction

MOST_PROPOSED: Final = 20  # under one consent, at a time
DECLINED: Final = "Declined"


async def propose_recovery(
    s: Services, actor: Actor, *, consent_id: str, kind: str, note: str = "", now: datetime
) -> RecoveryAction:
    """An operator asks the tenant to have something done. Nothing is sent before they approve.

    The same proposal again, while the tenant has not decided, is the one there is.
    Raises: Refused, NotFound, InvalidInput, Conflict.
    """
    async with (
        deciding(s, actor, Act.PROPOSE_RECOVERY, target=consent_id, now=now) as d,
        d.unit() as unit,
    ):
        consent = await visible_consent(d, unit, actor, consent_id, s.node)
        d.require(may_propose(actor, consent, s.node, now))
        vm = d.found(s.vm(consent.resource_id), VM_GONE)
        chosen = offered_kind(kind, vm)
        words = line("note", note, MAX_REASON, least=0)
        d.note(kind=chosen.value, why=words)
        open_ones = await unit.recovery_actions.in_states(
            {ActionState.PROPOSED}, consent_id=consent.id
        )
        for each in open_ones:
            if (each.kind, each.account_id) == (chosen.value, actor.account_id):
                d.note(existing=True, action=each.id)
                return each
        if MOST_PROPOSED <= len(open_ones):
            raise Conflict("too many proposals wait for the tenant")
        handler = handler_for(GuestOs(vm.os))
        bare = bare_action(actor, vm, handler, chosen, "proposal", now, consent_id=consent.id)
        proposal = replace(bare, note=words)
        await unit.recovery_actions.add(proposal)
        d.note(action=proposal.id)
        announce(d, proposal)
        return proposal


async def approve_proposal(
    s: Services,
    actor: Actor,
    action_id: str,
    *,
    now: datetime,
    user: str = "",
    password: str = "",
    ssh_key: str = "",
    disk_name: str = "",
) -> RecoveryAction:
    """The tenant lets a proposal be carried out, with an account and a secret of their choice.

    Raises: Refused, NotFound, InvalidInput, ExtensionRefused (E1).
    """
    async with deciding(s, actor, Act.APPROVE_RECOVERY, target=action_id, now=now) as d:
        async with s.store.reading() as unit:
            proposal, _ = await visible_action(s, d, unit, actor, action_id)
        machine = await running_machine(s, d, actor, proposal.resource_id)
        async with d.unit() as unit:
            proposal, consent = await visible_action(s, d, unit, actor, action_id)
            d.require(may_decide(actor, proposal, d.found(consent, NO_SUCH_CONSENT), now))
            wanted = Wanted(proposal.kind, user, password, ssh_key, disk_name)
            request = await request_wanted(unit, machine.vm, wanted)
            plan = plan_for(request, handler_of(request))
            approved = replace(asking(s, proposal, request, plan), decided_by=actor.name)
            await unit.recovery_actions.update(approved)
            announce(d, approved)
            d.begin_recovery(approved.id)
            return approved


async def decline_proposal(
    s: Services, actor: Actor, action_id: str, *, reason: str = "", now: datetime
) -> RecoveryAction:
    """The tenant says no. Raises: Refused, NotFound, InvalidInput."""
    async with (
        deciding(s, actor, Act.DECLINE_RECOVERY, target=action_id, now=now) as d,
        d.unit() as unit,
    ):
        proposal, consent = await visible_action(s, d, unit, actor, action_id)
        d.require(may_decide(actor, proposal, d.found(consent, NO_SUCH_CONSENT), now))
        why = line("reason", reason, MAX_REASON, least=0)
        d.note(why=why)
        words = Failure(DECLINED, f"The tenant declined: {why}" if why else "The tenant declined.")
        return await end_unsent(d, unit, proposal, ActionState.DECLINED, words, actor.name)
