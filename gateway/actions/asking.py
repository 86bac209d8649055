"""A request to a guest as a row, and back: settings as JSON, protected ones sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from gateway.actions.recording import Decision
from gateway.actions.services import Services
from gateway.actions.steps import StepRecord, closed, from_text, to_text
from gateway.bus import RecoveryChanged
from gateway.policy.facts import Actor, Vm
from gateway.policy.recovery import ActionState
from gateway.recovery.catalogue import Failure
from gateway.recovery.extension import ExtensionRequest, folded, handler_of
from gateway.recovery.handlers import HANDLERS, Handler
from gateway.recovery.kinds import EXTENSION_NAME, WORDS, ActionKind
from gateway.recovery.plan import Plan, plan_for
from gateway.store import Extension, Origin, RecoveryAction, Unit, new_id


def bare_action(  # noqa: PLR0917
    actor: Actor,
    vm: Vm,
    handler: Handler,
    kind: ActionKind,
    origin: Origin,
    now: datetime,
    *,
    consent_id: str | None = None,
    operation_id: str | None = None,
) -> RecoveryAction:
    """An action without settings: what an operator proposes."""
    return RecoveryAction(
        id=new_id(),
        vm_key=vm.key,
        resource_id=vm.resource_id,
        subscription_id=vm.subscription_id,
        node=vm.node,
        kind=kind.value,
        title=WORDS[kind].title,
        state=ActionState.PROPOSED,
        origin=origin,
        handler=handler.full_name,
        extension_name=EXTENSION_NAME,
        settings="{}",
        protected=None,
        consent_id=consent_id,
        operation_id=operation_id,
        account_id=actor.account_id,
        requested_by=actor.name,
        decided_by=None,
        requested_at=now,
        sent_at=None,
        ended_at=None,
        steps=to_text(()),
        error_code=None,
        message="",
    )


def new_action(  # noqa: PLR0917
    s: Services,
    actor: Actor,
    vm: Vm,
    request: ExtensionRequest,
    origin: Origin,
    now: datetime,
    *,
    consent_id: str | None = None,
    operation_id: str | None = None,
) -> RecoveryAction:
    """`request` as an action that waits for its turn."""
    handler = handler_of(request)
    plan = plan_for(request, handler)
    kind = plan.kind if isinstance(plan, Plan) else _kind_of(request)
    bare = bare_action(
        actor, vm, handler, kind, origin, now, consent_id=consent_id, operation_id=operation_id
    )
    return asking(s, bare, request, plan)


def asking(
    s: Services, bare: RecoveryAction, request: ExtensionRequest, plan: Plan | Failure
) -> RecoveryAction:
    """`bare` with all that is needed to carry it out."""
    return replace(
        bare,
        state=ActionState.REQUESTED,
        extension_name=request.name,
        settings=json.dumps(dict(request.settings)),
        protected=sealed(s, request.protected),
        steps=steps_of(plan),
    )


def steps_of(plan: Plan | Failure) -> str:
    """The steps that a row begins with."""
    if isinstance(plan, Failure):
        return to_text(())
    return to_text(StepRecord(step.key, step.title) for step in plan.steps)


def sealed(s: Services, protected: Mapping[str, Any] | None) -> str | None:
    """Protected settings as they lie in the store."""
    return s.identity.seal(json.dumps(dict(protected))) if protected else None


def extension_row(
    s: Services,
    request: ExtensionRequest,
    existing: Extension | None,
    *,
    parent_id: str,
    location: str,
    state: str,
    action_id: str | None,
    now: datetime,
) -> Extension:
    """What was asked for as an extension's row: a new one, or over `existing`.

    The name stays as it was first spelled, as Resource Manager keeps it.
    """
    return Extension(
        id=existing.id if existing else new_id(),
        parent_id=parent_id,
        name=existing.name if existing else request.name,
        location=location,
        publisher=request.publisher,
        type=request.type,
        version=request.version,
        auto_upgrade=request.auto_upgrade,
        force_update_tag=request.force_update_tag,
        settings=json.dumps(dict(request.settings)),
        protected=sealed(s, request.protected),
        provisioning_state=state,
        action_id=action_id,
        created_at=existing.created_at if existing else now,
        changed_at=now,
    )


def request_of(s: Services, row: RecoveryAction | Extension) -> ExtensionRequest:
    """What was asked for. Raises: SettingsError where none of our keys opens it."""
    protected = None if row.protected is None else json.loads(s.identity.unseal(row.protected))
    settings = json.loads(row.settings)
    if isinstance(row, Extension):
        return ExtensionRequest(
            name=row.name,
            publisher=row.publisher,
            type=row.type,
            version=row.version,
            auto_upgrade=row.auto_upgrade,
            force_update_tag=row.force_update_tag,
            settings=settings,
            protected=protected,
        )
    handler = handler_named(row.handler)
    return ExtensionRequest(
        name=row.extension_name,
        publisher=handler.publisher,
        type=handler.type,
        version=handler.versions[-1],
        auto_upgrade=True,
        force_update_tag=None,
        settings=settings,
        protected=protected,
    )


def handler_named(full_name: str) -> Handler:
    """The handler of a row; rows are written with handlers that we have."""
    return next(handler for handler in HANDLERS if handler.full_name == full_name)


def asks_the_same(one: ExtensionRequest, other: ExtensionRequest) -> bool:
    """Whether two requests have the same done in the guest."""
    return (one.publisher, one.type) == (other.publisher, other.type) and (
        folded(one.settings), folded(one.protected or {})
    ) == (folded(other.settings), folded(other.protected or {}))  # fmt: skip


async def end_unsent(  # noqa: PLR0917
    d: Decision,
    unit: Unit,
    action: RecoveryAction,
    state: ActionState,
    why: Failure,
    by: str,
) -> RecoveryAction:
    """Cancel or decline an action that was not sent; its protected settings go."""
    over = replace(
        action,
        state=state,
        protected=None,
        ended_at=d.now,
        decided_by=action.decided_by if state is ActionState.CANCELLED else by,
        steps=to_text(closed(from_text(action.steps), "skipped", d.now)),
        error_code=why.code,
        message=why.message,
    )
    await unit.recovery_actions.update(over)
    await settle_extension(unit, over, d.now)
    announce(d, over)
    return over


async def settle_extension(unit: Unit, action: RecoveryAction, now: datetime) -> None:
    """Let the extension that asked for `action` say how it ended, unless it asked anew since."""
    extension = await unit.extensions.of_action(action.id)
    state = PROVISIONING.get(action.state)
    if extension is not None and state is not None:
        await unit.extensions.update(replace(extension, provisioning_state=state, changed_at=now))


def announce(d: Decision, action: RecoveryAction) -> None:
    """Publish that it changed."""
    d.publish(RecoveryChanged(action.id, action.vm_key, action.consent_id))


# What an extension says once its action is over, in Resource Manager's words.
PROVISIONING: Mapping[ActionState, str] = {
    ActionState.DONE: "Succeeded",
    ActionState.FAILED: "Failed",
    ActionState.UNKNOWN: "Failed",
    ActionState.CANCELLED: "Canceled",
}


# What a request is meant for by what it gives: the account before SSH before the disks.
_MEANT: Final = (
    ({"password", "ssh_key"}, ActionKind.CREATE_USER),
    ({"password"}, ActionKind.SET_PASSWORD),
    ({"ssh_key"}, ActionKind.SET_SSH_KEY),
    ({"remove_user"}, ActionKind.REMOVE_USER),
    ({"username"}, ActionKind.SET_PASSWORD),
    ({"restore_backup_ssh"}, ActionKind.RESTORE_SSH),
    ({"reset_ssh"}, ActionKind.RESET_SSH),
    ({"check_disk"}, ActionKind.CHECK_DISK),
    ({"repair_disk"}, ActionKind.REPAIR_DISK),
)


def _kind_of(request: ExtensionRequest) -> ActionKind:
    """What a request that fails without asking a guest was meant for."""
    settings = {**folded(request.settings), **folded(request.protected or {})}
    given = {key for key, value in settings.items() if value}
    return next((kind for keys, kind in _MEANT if keys <= given), ActionKind.NOTHING)
