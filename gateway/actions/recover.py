"""Recovery from the pages: a tenant starts something, or an operator proposes it.

Who started, proposed or decided what is for everybody to see who sees the action; which account it
was about is the tenant's and the admin's, and what was set is nobody's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from gateway.actions.asking import (
    announce,
    asking,
    asks_the_same,
    bare_action,
    end_unsent,
    new_action,
    request_of,
)
from gateway.actions.extensions import running_machine, visible_vm
from gateway.actions.finding import consent_of, visible_consent
from gateway.actions.inputs import MAX_REASON, known_id, line
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.actions.steps import StepRecord, from_text
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.policy.consents import NO_SUCH_CONSENT, NO_SUCH_VM
from gateway.policy.consoles import VM_GONE
from gateway.policy.facts import Actor, Consent, Role, Vm
from gateway.policy.recovery import (
    NO_SUCH_ACTION,
    ActionState,
    may_cancel,
    may_decide,
    may_propose,
    may_read_log,
    may_see_action,
    may_start,
)
from gateway.policy.verdict import Deny
from gateway.recovery.catalogue import Failure, next_step, outcome_unknown
from gateway.recovery.extension import ExtensionRequest, handler_of, pick
from gateway.recovery.handlers import GuestOs, handler_for
from gateway.recovery.kinds import ActionKind, kinds_for, request_for
from gateway.recovery.plan import plan_for
from gateway.store import LogLine, RecoveryAction, Unit

MOST_WAITING: Final = 20
MAX_USER: Final = 256
MAX_PASSWORD: Final = 1024
MAX_SSH_KEY: Final = 16 * 1024
MAX_DISK: Final = 128

CANCELLED: Final = "Canceled"
DECLINED: Final = "Declined"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done, and with what: each kind needs some of these."""

    kind: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    disk_name: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """A recovery action as its reader may see it.

    INVARIANT: `action` bears no settings; for an operator nothing in here names an account.
    """

    action: RecoveryAction
    steps: tuple[StepRecord, ...]
    next_step: str  # what people can do now; empty while there is nothing
    account: str | None  # None for operators, and where it is not known any more
    may_cancel: bool
    may_decide: bool


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
            request = await _request(unit, machine.vm, wanted)
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
            _go(d, action)
            return action


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
        chosen = _kind(kind, vm)
        words = line("note", note, MAX_REASON, least=0)
        d.note(kind=chosen.value, why=words)
        open_ones = await unit.recovery_actions.in_states(
            {ActionState.PROPOSED}, consent_id=consent.id
        )
        for each in open_ones:
            if (each.kind, each.account_id) == (chosen.value, actor.account_id):
                d.note(existing=True, action=each.id)
                return each
        if MOST_WAITING <= len(open_ones):
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
            proposal, _ = await _visible_action(s, d, unit, actor, action_id)
        machine = await running_machine(s, d, actor, proposal.resource_id)
        async with d.unit() as unit:
            proposal, consent = await _visible_action(s, d, unit, actor, action_id)
            d.require(may_decide(actor, proposal, d.found(consent, NO_SUCH_CONSENT), now))
            wanted = Wanted(proposal.kind, user, password, ssh_key, disk_name)
            request = await _request(unit, machine.vm, wanted)
            plan = plan_for(request, handler_of(request))
            approved = replace(asking(s, proposal, request, plan), decided_by=actor.name)
            await unit.recovery_actions.update(approved)
            _go(d, approved)
            return approved


async def decline_proposal(
    s: Services, actor: Actor, action_id: str, *, reason: str = "", now: datetime
) -> RecoveryAction:
    """The tenant says no. Raises: Refused, NotFound, InvalidInput."""
    async with (
        deciding(s, actor, Act.DECLINE_RECOVERY, target=action_id, now=now) as d,
        d.unit() as unit,
    ):
        proposal, consent = await _visible_action(s, d, unit, actor, action_id)
        d.require(may_decide(actor, proposal, d.found(consent, NO_SUCH_CONSENT), now))
        why = line("reason", reason, MAX_REASON, least=0)
        d.note(why=why)
        words = Failure(DECLINED, f"The tenant declined: {why}" if why else "The tenant declined.")
        return await end_unsent(d, unit, proposal, ActionState.DECLINED, words, actor.name)


async def cancel_recovery(
    s: Services, actor: Actor, action_id: str, *, now: datetime
) -> RecoveryAction:
    """Take back what the guest was not sent yet. Raises: Refused, NotFound."""
    async with (
        deciding(s, actor, Act.CANCEL_RECOVERY, target=action_id, now=now) as d,
        d.unit() as unit,
    ):
        action, consent = await _visible_action(s, d, unit, actor, action_id)
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
            vm_key=resource_id,
            consent_id=consent_id,
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
        consent = await _consent(unit, action) if action else None
    if action is None or isinstance(may_see_action(actor, action, consent, s.node), Deny):
        raise NotFound(NO_SUCH_ACTION.reason)
    return view_for(s, actor, action, consent, now)


async def agent_log(
    s: Services, actor: Actor, resource_id: str, file: str | None = None, *, now: datetime
) -> Sequence[LogLine]:
    """A VM's log lines, the oldest first; of one file, such as CommandExecution.log, or all.

    Reading leaves a record: the lines name accounts. Raises: Refused, NotFound.
    """
    async with (
        deciding(s, actor, Act.READ_AGENT_LOG, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        vm = s.vm(resource_id)
        d.require(may_read_log(actor, vm))
        vm = d.found(vm, NO_SUCH_VM)
        d.target = vm.resource_id
        d.note(file=file)
        return await unit.agent_logs.list(vm.key, file)


async def offered_kinds(s: Services, actor: Actor, resource_id: str) -> Sequence[ActionKind]:
    """What can be done in a VM of one's own. Raises: NotFound."""
    return kinds_for(GuestOs(visible_vm(s, actor, resource_id).os))


def view_for(
    s: Services, actor: Actor, action: RecoveryAction, consent: Consent | None, now: datetime
) -> RecoveryView:
    """`action` as `actor`, who may see it, sees it."""
    account = _account(action)
    hidden = actor.role is Role.CLOUDADMIN
    decides = consent is not None and not isinstance(may_decide(actor, action, consent, now), Deny)
    steps = from_text(action.steps)
    return RecoveryView(
        action=_without_settings(action, hidden=hidden),
        steps=tuple(map(_nameless, steps)) if hidden else steps,
        next_step=_next_step(action),
        account=None if hidden else account,
        may_cancel=not isinstance(may_cancel(actor, action, consent, s.node), Deny),
        may_decide=decides,
    )


def _without_settings(action: RecoveryAction, *, hidden: bool) -> RecoveryAction:
    bare = replace(action, settings="{}", protected=None)
    if not hidden or action.state not in {ActionState.FAILED, ActionState.UNKNOWN}:
        return bare
    # A failure may name the account (E7), in the guest's words or ours.
    return replace(bare, message=_FAILED_FOR_OPERATORS[action.state])


_FAILED_FOR_OPERATORS: Final = {
    ActionState.FAILED: "It failed. The tenant can read why.",
    ActionState.UNKNOWN: "It was sent, and nobody can say whether it was done.",
}


def _nameless(step: StepRecord) -> StepRecord:
    """A step without its words: titles and messages may name the account."""
    return replace(step, title=step.key.replace("_", " ").replace("-", " "), message="")


def _next_step(action: RecoveryAction) -> str:
    if action.state is ActionState.UNKNOWN:
        failure = outcome_unknown("")
        return next_step(failure.code, failure.message)
    if action.state is ActionState.FAILED:
        return next_step(action.error_code or "", action.message)
    return ""


def _account(action: RecoveryAction) -> str | None:
    name = pick(json.loads(action.settings), "username")
    return name if isinstance(name, str) else None


async def _visible_action(
    s: Services, d: Decision, unit: Unit, actor: Actor, action_id: str
) -> tuple[RecoveryAction, Consent | None]:
    """Raises: NotFound, also for one that `actor` may not see."""
    known = known_id(action_id)
    found = await unit.recovery_actions.get(known) if known else None
    action = d.found(found, NO_SUCH_ACTION)
    d.target = action.resource_id
    d.note(action=action.id, kind=action.kind)
    consent = await _consent(unit, action)
    d.require(may_see_action(actor, action, consent, s.node))
    return action, consent


async def _consent(unit: Unit, action: RecoveryAction) -> Consent | None:
    return await consent_of(unit, action.consent_id) if action.consent_id else None


async def _request(unit: Unit, vm: Vm, wanted: Wanted) -> ExtensionRequest:
    """`wanted` as the request that an ARM client would write. Raises: InvalidInput."""
    most = {"user": MAX_USER, "password": MAX_PASSWORD, "ssh_key": MAX_SSH_KEY}
    for name, limit in most.items():
        if limit < len(getattr(wanted, name)):
            raise InvalidInput(name, f"at most {limit} characters")
    request = request_for(
        _kind(wanted.kind, vm),
        GuestOs(vm.os),
        user=line("user", wanted.user, MAX_USER, least=0),
        password=wanted.password,
        ssh_key=wanted.ssh_key.strip(),
        disk_name=line("disk_name", wanted.disk_name, MAX_DISK, least=0),
    )
    # Messages name the extension that the tenant knows, where there is one of that handler.
    for extension in await unit.extensions.list(vm.resource_id):
        if (extension.publisher, extension.type) == (request.publisher, request.type):
            return replace(request, name=extension.name)
    return request


def _kind(kind: str, vm: Vm) -> ActionKind:
    """Raises: InvalidInput where nobody offers that for the VM's system."""
    offered = kinds_for(GuestOs(vm.os))
    if kind not in offered:
        raise InvalidInput("kind", "one of " + ", ".join(offered))
    return ActionKind(kind)


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


def _go(d: Decision, action: RecoveryAction) -> None:
    announce(d, action)
    d.begin_recovery(action.id)
