"""Extensions of VMs: writing one has its handler do something in the guest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gateway.actions.asking import (
    announce,
    end_unsent,
    extension_row,
    handler_named,
    new_action,
    request_of,
)
from gateway.actions.inputs import storable
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.errors import ExtensionRefused, NotFound
from gateway.inventory import Machine
from gateway.policy.consents import NO_SUCH_VM, may_see_vm
from gateway.policy.facts import Actor, Vm
from gateway.policy.recovery import ActionState, may_apply_extension
from gateway.policy.verdict import Deny
from gateway.recovery.catalogue import Failure, handler_taken, vm_not_running
from gateway.recovery.extension import ExtensionRequest, handler_of, merge_patch, same_request
from gateway.recovery.handlers import Handler, resolve_version
from gateway.store import Extension, Operation, RecoveryAction, Unit, new_id

PREEMPTED = Failure(
    "OperationPreempted", "A newer request for the same extension took the place of this one."
)
REMOVED = Failure("OperationPreempted", "The extension was removed before this was begun.")
NO_SUCH_EXTENSION = Deny("NoSuchExtension", "there is no such extension", hidden=True)
PUT, PATCH, DELETE = "extension.put", "extension.patch", "extension.delete"


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of writing an extension."""

    extension: Extension
    operation_id: str
    created: bool  # there was none of that name before
    action_id: str


@dataclass(frozen=True, slots=True)
class Removed:
    """What came of removing one; its operation has nothing left to do."""

    operation_id: str


@dataclass(frozen=True, slots=True)
class Status:
    """How an extension stands, as its instance view says it."""

    code: str  # such as "ProvisioningState/succeeded"
    level: Literal["Info", "Error"]
    display: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """An extension and the newest action that it asked for. Its protected settings are sealed."""

    extension: Extension
    action: RecoveryAction | None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The public settings, as they were sent."""
        settings: Mapping[str, Any] = json.loads(self.extension.settings)
        return settings

    @property
    def handler(self) -> Handler:
        return handler_named(self.extension.handler)

    @property
    def version(self) -> str:
        """The handler's version that is at work, such as "2.4.11"."""
        auto = self.extension.auto_upgrade
        return resolve_version(self.handler, self.extension.version, auto_upgrade=auto)

    @property
    def status(self) -> Status:
        state = self.extension.provisioning_state
        code = f"ProvisioningState/{state.lower()}"
        wrong = state in {"Failed", "Canceled"}
        if wrong and self.action is not None and self.action.error_code:
            code += f"/{self.action.error_code}"
        message = self.action.message if self.action is not None else ""
        display = f"Provisioning {state.lower()}" if wrong or state == "Succeeded" else state
        return Status(
            code, "Error" if wrong else "Info", display, message, self.extension.changed_at
        )


async def apply_extension(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    request: ExtensionRequest,
    location: str,
    now: datetime,
    operation_kind: str = PUT,
) -> Applied:
    """Write an extension of a VM; what it asks for is carried out afterwards.

    The same request again is the same operation, unless it has failed: then it is tried again.
    Where nobody knows what became of it, only another forceUpdateTag tries again.
    Raises: Refused, NotFound, ExtensionRefused (E1, E8, version, system), StoreUnavailable.
    """
    async with deciding(s, actor, Act.APPLY_EXTENSION, target=resource_id, now=now) as d:
        machine = await running_machine(s, d, actor, resource_id)
        async with d.unit() as unit:
            return await apply_within(
                s, d, unit, actor, machine.vm, request, location, operation_kind=operation_kind
            )


async def patch_extension(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    name: str,
    body: Mapping[str, Any],
    now: datetime,
) -> Applied:
    """Change what `body` names of an extension; the rest stays, protected settings too.

    Raises: as `apply_extension`, InvalidInput, and NotFound where there is no such extension.
    """
    async with deciding(s, actor, Act.APPLY_EXTENSION, target=resource_id, now=now) as d:
        machine = await running_machine(s, d, actor, resource_id)
        async with d.unit() as unit:
            existing = d.found(
                await unit.extensions.get(machine.vm.resource_id, storable(name)), NO_SUCH_EXTENSION
            )
            state = existing.provisioning_state
            request = merge_patch(request_of(s, existing), body, state=state)
            return await apply_within(
                s, d, unit, actor, machine.vm, request, existing.location, operation_kind=PATCH
            )


async def remove_extension(
    s: Services, actor: Actor, *, resource_id: str, name: str, now: datetime
) -> Removed | None:
    """Take an extension off a VM; the guest keeps what was done. None where there was none.

    What it asked for is cancelled, unless the guest has it already.
    Raises: Refused, NotFound (the VM), ExtensionRefused (E1).
    """
    async with deciding(s, actor, Act.REMOVE_EXTENSION, target=resource_id, now=now) as d:
        machine = await running_machine(s, d, actor, resource_id)
        async with d.unit() as unit:
            vm = machine.vm
            existing = await unit.extensions.get(vm.resource_id, storable(name))
            if existing is None:
                d.note(missing=True)
                return None
            await cancel_waiting(d, unit, existing, REMOVED, actor.name)
            await unit.extensions.remove(existing.id)
            operation = await new_operation(
                d, unit, actor, vm, extension_id(vm, existing.name), DELETE
            )
            d.note(extension=existing.name, operation=operation.id)
            return Removed(operation.id)


async def see_extension(s: Services, actor: Actor, *, resource_id: str, name: str) -> ExtensionView:
    """Raises: NotFound, also for a VM of somebody else."""
    vm = visible_vm(s, actor, resource_id)
    async with s.store.reading() as unit:
        extension = await unit.extensions.get(vm.resource_id, storable(name))
        if extension is None:
            raise NotFound(NO_SUCH_EXTENSION.reason)
        return await _view(unit, extension)


async def list_extensions(
    s: Services, actor: Actor, *, resource_id: str
) -> Sequence[ExtensionView]:
    """A VM's extensions by name. Raises: NotFound."""
    vm = visible_vm(s, actor, resource_id)
    async with s.store.reading() as unit:
        return [await _view(unit, each) for each in await unit.extensions.list(vm.resource_id)]


async def apply_within(  # noqa: PLR0917
    s: Services,
    d: Decision,
    unit: Unit,
    actor: Actor,
    vm: Vm,
    request: ExtensionRequest,
    location: str,
    *,
    operation_kind: str = PUT,
    operation_id: str | None = None,
) -> Applied:
    """`apply_extension` inside the caller's decision, whose actor may and whose VM runs.

    `operation_id`: an operation of the caller's, which this becomes a part of.
    Raises: ExtensionRefused, InvalidInput.
    """
    handler = handler_of(request)
    resolve_version(handler, request.version, auto_upgrade=request.auto_upgrade)
    check_system(handler, vm)
    existing = await unit.extensions.get(vm.resource_id, request.name)
    await check_handler(unit, vm.resource_id, request, handler)
    d.note(extension=request.name, handler=handler.full_name)
    if existing is not None:
        running = await _still_counts(s, unit, existing, request)
        if running is not None and running.operation_id is not None:
            d.note(existing=True, action=running.id, operation=running.operation_id)
            return Applied(existing, running.operation_id, created=False, action_id=running.id)
        await cancel_waiting(d, unit, existing, PREEMPTED, actor.name)
    if operation_id is None:
        target = extension_id(vm, request.name)
        operation_id = (await new_operation(d, unit, actor, vm, target, operation_kind)).id
    action = new_action(s, actor, vm, request, "arm", d.now, operation_id=operation_id)
    await unit.recovery_actions.add(action)
    extension = extension_row(
        s,
        request,
        existing,
        parent_id=vm.resource_id,
        location=location,
        state="Updating" if existing else "Creating",
        action_id=action.id,
        now=d.now,
    )
    await (unit.extensions.update if existing else unit.extensions.add)(extension)
    d.note(kind=action.kind, action=action.id, operation=operation_id)
    announce(d, action)
    d.begin_recovery(action.id)
    return Applied(extension, operation_id, created=existing is None, action_id=action.id)


async def running_machine(s: Services, d: Decision, actor: Actor, resource_id: str) -> Machine:
    """The VM, which is the actor's and runs. Raises: Refused, NotFound, ExtensionRefused (E1)."""
    machine = s.inventory.get(resource_id)
    d.require(may_apply_extension(actor, machine.vm if machine else None))
    machine = d.found(machine, NO_SUCH_VM)
    d.target = machine.vm.resource_id
    if await s.guests.power(machine) in NOT_RUNNING:
        raise vm_not_running()
    return machine


NOT_RUNNING = frozenset({"off", "paused"})


def visible_vm(s: Services, actor: Actor, resource_id: str) -> Vm:
    """Raises: NotFound, also for a VM of somebody else."""
    vm = s.vm(resource_id)
    if vm is None or isinstance(may_see_vm(actor, vm), Deny):
        raise NotFound(NO_SUCH_VM.reason)
    return vm


def check_system(handler: Handler, vm: Vm) -> None:
    """Raises: ExtensionRefused where the handler is made for another system."""
    if handler.os.value != vm.os:
        raise ExtensionRefused(
            "BadRequest",
            f"The handler '{handler.full_name}' is for OS type '{handler.os.value.capitalize()}'. "
            f"VM '{vm.name}' has OS type '{vm.os.capitalize()}'.",
        )


async def check_handler(
    unit: Unit, parent_id: str, request: ExtensionRequest, handler: Handler
) -> None:
    """E8: one extension per handler. Raises: ExtensionRefused."""
    for other in await unit.extensions.list(parent_id):
        if other.handler == handler.full_name and other.name.lower() != request.name.lower():
            raise handler_taken(other.name, handler)


async def cancel_waiting(
    d: Decision, unit: Unit, extension: Extension, why: Failure, by: str
) -> None:
    """Cancel what `extension` asked for last, if it still waits for its turn."""
    if extension.action_id is None:
        return
    action = await unit.recovery_actions.get(extension.action_id)
    if action is not None and action.state is ActionState.REQUESTED:
        await end_unsent(d, unit, action, ActionState.CANCELLED, why, by)


async def new_operation(  # noqa: PLR0917
    d: Decision, unit: Unit, actor: Actor, vm: Vm, target: str, kind: str
) -> Operation:
    """What the client polls."""
    operation = Operation(new_id(), vm.subscription_id, kind, target, actor.account_id, d.now)
    await unit.operations.add(operation)
    return operation


def extension_id(vm: Vm, name: str) -> str:
    """The resource id of an extension."""
    return f"{vm.resource_id}/extensions/{name}"


async def _still_counts(
    s: Services, unit: Unit, existing: Extension, request: ExtensionRequest
) -> RecoveryAction | None:
    """The action that does, or did, what is asked for once more; None where it is to be done."""
    if existing.action_id is None or not same_request(request_of(s, existing), request):
        return None
    action = await unit.recovery_actions.get(existing.action_id)
    over = {ActionState.FAILED, ActionState.CANCELLED}
    return None if action is None or action.state in over else action


async def _view(unit: Unit, extension: Extension) -> ExtensionView:
    action = extension.action_id and await unit.recovery_actions.get(extension.action_id)
    return ExtensionView(extension, action or None)
