"""Recovery without an ARM client: a tenant has something done in a VM of theirs, and looks on.

What operators propose stands in `proposals`, what each reader sees in `recovery_view`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from gateway.actions.asking import announce, asks_the_same, end_unsent, new_action, request_of
from gateway.actions.extensions import running_machine
from gateway.actions.finding import visible_consent
from gateway.actions.inputs import known_id, storable
from gateway.actions.proposals import approve_proposal, decline_proposal, propose_recovery
from gateway.actions.recording import Act, deciding
from gateway.actions.recovery_view import RecoveryView, consent_under, view_for, visible_action
from gateway.actions.services import Services
from gateway.actions.wanted import Wanted, request_wanted
from gateway.errors import Conflict, NotFound
from gateway.policy.consents import NO_SUCH_VM
from gateway.policy.facts import Actor, Consent, Role, Vm
from gateway.policy.recovery import (
    NO_SUCH_ACTION,
    ActionState,
    may_cancel,
    may_read_log,
    may_see_action,
    may_start,
)
from gateway.policy.verdict import Deny
from gateway.recovery.catalogue import Failure
from gateway.recovery.extension import ExtensionRequest
from gateway.store import LogLine, RecoveryAction, Unit

__all__ = [
    "RecoveryView",
    "agent_log",
    "approve_proposal",
    "cancel_recovery",
    "decline_proposal",
    "list_recoveries",
    "propose_recovery",
    "see_recovery",
    "start_recovery",
]

MOST_WAITING: Final = 20  # for one VM, at a time
CANCELLED: Final = "Canceled"


async def start_recovery(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    kind: str,
    now: datetime,
    user: str = "",
    password: str = "",
    ssh_key: str = "",
    disk_name: str = "",
    consent_id: str | None = None,
) -> RecoveryAction:
    """Have something done in a VM of one's own; with `consent_id`, cancelled with that consent.

    The same again while the first is under way is the same action.
    Raises: Refused, NotFound, InvalidInput, Conflict (too many wait), ExtensionRefused (E1).
    """
    wanted = Wanted(kind, user, password, ssh_key, disk_name)
    async with deciding(s, actor, Act.START_RECOVERY, target=resource_id, now=now) as d:
        machine = await running_machine(s, d, actor, resource_id)
        async with d.unit() as unit:
            consent = None
            if consent_id is not None:
                consent = await visible_consent(d, unit, actor, consent_id, s.node)
            d.require(may_start(actor, machine.vm, consent, now))
            request = await request_wanted(unit, machine.vm, wanted)
            d.note(kind=kind, handler=f"{request.publisher}.{request.type}")
            same, waiting = await _alike(s, unit, actor, machine.vm, request, consent)
            if same is not None:
                d.note(existing=True, action=same.id)
                return same
            if MOST_WAITING <= waiting:
                raise Conflict("too many recovery actions wait for this virtual machine")
            action = new_action(
                s,
                actor,
                machine.vm,
                request,
                "page",
                now,
                consent_id=consent.id if consent else None,
            )
            await unit.recovery_actions.add(action)
            d.note(action=action.id)
            announce(d, action)
            d.begin_recovery(action.id)
            return action


async def cancel_recovery(
    s: Services, actor: Actor, action_id: str, *, now: datetime
) -> RecoveryAction:
    """Take back what the guest was not sent yet. Raises: Refused, NotFound."""
    async with (
        deciding(s, actor, Act.CANCEL_RECOVERY, target=action_id, now=now) as d,
        d.unit() as unit,
    ):
        action, consent = await visible_action(s, d, unit, actor, action_id)
        d.require(may_cancel(actor, action, consent, s.node))
        words = Failure(CANCELLED, f"{actor.name} cancelled it before it was sent.")
        return await end_unsent(d, unit, action, ActionState.CANCELLED, words, actor.name)


async def list_recoveries(
    s: Services,
    actor: Actor,
    *,
    now: datetime,
    resource_id: str | None = None,
    consent_id: str | None = None,
    limit: int = 100,
    before: str | None = None,
) -> Sequence[RecoveryView]:
    """Those that the actor may see, newest first: a tenant's, an operator's of this node, all.

    `before`: the id of the last one of the page before.
    """
    operator = actor.role is Role.CLOUDADMIN
    async with s.store.reading() as unit:
        last = await unit.recovery_actions.get(before) if before and known_id(before) else None
        found = await unit.recovery_actions.history(
            limit,
            vm_key=storable(resource_id) if resource_id else None,
            consent_id=known_id(consent_id) or "" if consent_id else None,
            subscription_ids=actor.subscriptions if actor.role is Role.TENANT else None,
            node=s.node if operator else None,
            with_consent=operator,
            before=last,
        )
        consents: dict[str | None, Consent | None] = {
            each.consent_id: await unit.consents.get(each.consent_id)
            for each in found
            if each.consent_id is not None
        }
    return [view_for(s, actor, each, consents.get(each.consent_id), now) for each in found]


async def see_recovery(s: Services, actor: Actor, action_id: str, *, now: datetime) -> RecoveryView:
    """Raises: NotFound, also for one that the actor may not see."""
    async with s.store.reading() as unit:
        known = known_id(action_id)
        action = await unit.recovery_actions.get(known) if known else None
        consent = await consent_under(unit, action) if action else None
    if action is None or isinstance(may_see_action(actor, action, consent, s.node), Deny):
        raise NotFound(NO_SUCH_ACTION.reason)
    return view_for(s, actor, action, consent, now)


async def agent_log(
    s: Services, actor: Actor, resource_id: str, file: str | None = None, *, now: datetime
) -> Sequence[LogLine]:
    """A VM's log lines, the oldest first; of one file, such as CommandExecution.log, or all.

    The lines name accounts: an operator's refusal is recorded. Raises: Refused, NotFound.
    """
    vm = s.vm(resource_id)
    verdict = may_read_log(actor, vm)
    if isinstance(verdict, Deny) and not verdict.hidden:
        async with deciding(s, actor, Act.READ_AGENT_LOG, target=resource_id, now=now) as d:
            d.refuse(verdict)
    if vm is None or isinstance(verdict, Deny):
        raise NotFound(NO_SUCH_VM.reason)
    async with s.store.reading() as unit:
        return await unit.agent_logs.list(vm.key, storable(file) if file else None)


async def _alike(  # noqa: PLR0917
    s: Services,
    unit: Unit,
    actor: Actor,
    vm: Vm,
    request: ExtensionRequest,
    consent: Consent | None,
) -> tuple[RecoveryAction | None, int]:
    """The action under way that does the very same, and how many wait for the VM."""
    open_ones = await unit.recovery_actions.in_states(
        {ActionState.REQUESTED, ActionState.SENT}, vm_key=vm.key
    )
    mine = [a for a in open_ones if a.origin == "page" and a.account_id == actor.account_id]
    wanted = consent.id if consent else None
    same = (a for a in mine if a.consent_id == wanted and asks_the_same(request_of(s, a), request))
    return next(same, None), len(open_ones)
