"""The instances of a scale set, and bringing them up to its model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.actions.asking import request_of
from gateway.actions.extensions import (
    NOT_RUNNING,
    ExtensionView,
    apply_within,
    check_handler,
    check_system,
    list_extensions,
    new_operation,
)
from gateway.actions.inputs import clipped
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.scale_set_rows import Members, check_requests, own_members, seen_members
from gateway.actions.services import Services
from gateway.errors import InvalidInput, NotFound
from gateway.inventory import Machine
from gateway.policy.facts import Actor
from gateway.recovery.catalogue import vm_not_running
from gateway.recovery.extension import ExtensionRequest, handler_of, same_request
from gateway.store import Extension, Unit

UPGRADE = "scale_set.upgrade"
ALL = "*"
MAX_NOTED = 512


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One machine of a scale set, its extensions, and whether it has all that the model wants."""

    machine: Machine
    extensions: Sequence[ExtensionView]
    latest: bool

    @property
    def instance_id(self) -> str:
        return instance_id(self.machine)


def instance_id(machine: Machine) -> str:
    """What a scale set calls its machine: the end of its resource id."""
    return machine.vm.resource_id.rpartition("/")[2]


async def list_instances(
    s: Services, actor: Actor, resource_id: str, *, location: str
) -> Sequence[InstanceView]:
    """By resource id. Raises: NotFound."""
    members = seen_members(s, actor, resource_id, location)
    async with s.store.reading() as unit:
        wanted = await unit.extensions.list(members.resource_id)
    return [await _instance(s, actor, machine, wanted) for machine in members.instances]


async def see_instance(
    s: Services, actor: Actor, resource_id: str, wanted_id: str, *, location: str
) -> InstanceView:
    """Raises: NotFound."""
    for instance in await list_instances(s, actor, resource_id, location=location):
        if instance.instance_id.lower() == wanted_id.lower():
            return instance
    raise NotFound("the scale set has no such instance")


async def upgrade_instances(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    instance_ids: Collection[str],
    location: str,
    now: datetime,
) -> str:
    """Apply the scale set's extensions to instances, `*` for all; the id of the one operation.

    What an instance has already is not done again. All of it is refused where one part is.
    Raises: NotFound, Refused, InvalidInput (an unknown instance), ExtensionRefused (E1, E8).
    """
    async with deciding(s, actor, Act.UPGRADE_INSTANCES, target=resource_id, now=now) as d:
        members = own_members(d, s, actor, resource_id, location)
        machines = _chosen(members, instance_ids)
        for machine in machines:
            if await s.guests.power(machine) in NOT_RUNNING:
                d.note(instance=instance_id(machine))
                raise vm_not_running()
        async with d.unit() as unit:
            return await _upgrade(s, d, unit, actor, members, machines)


async def _upgrade(  # noqa: PLR0917
    s: Services,
    d: Decision,
    unit: Unit,
    actor: Actor,
    members: Members,
    machines: Sequence[Machine],
) -> str:
    requests = [request_of(s, row) for row in await unit.extensions.list(members.resource_id)]
    await _check(unit, machines, requests)
    vm = machines[0].vm
    operation = await new_operation(d, unit, actor, vm, members.resource_id, UPGRADE)
    begun = set()
    for machine in machines:
        for request in requests:
            applied = await apply_within(
                s, d, unit, actor, machine.vm, request, members.location, operation_id=operation.id
            )
            begun.add(applied.operation_id)
    d.note(instances=clipped(", ".join(map(instance_id, machines)), MAX_NOTED))
    # Asked once more, as clients do that lost the answer: it is the operation that there is.
    return begun.pop() if len(begun) == 1 else operation.id


async def _check(
    unit: Unit, machines: Sequence[Machine], requests: Sequence[ExtensionRequest]
) -> None:
    """A refusal comes before anything is written. Raises: ExtensionRefused."""
    check_requests(requests)
    for machine in machines:
        for request in requests:
            handler = handler_of(request)
            check_system(handler, machine.vm)
            await check_handler(unit, machine.vm.resource_id, request, handler)


def _chosen(members: Members, instance_ids: Collection[str]) -> Sequence[Machine]:
    """Raises: InvalidInput."""
    if not instance_ids:
        raise InvalidInput("instanceIds", "name instances, or * for all of them")
    if ALL in instance_ids:
        return members.instances
    by_id = {instance_id(machine).lower(): machine for machine in members.instances}
    chosen = {}
    for wanted in instance_ids:
        if wanted.lower() not in by_id:
            raise InvalidInput(
                "instanceIds",
                f"The provided instanceId {wanted[:64]!r} is not an active Virtual Machine Scale "
                "Set VM instanceId.",
            )
        chosen[wanted.lower()] = by_id[wanted.lower()]
    return [chosen[key] for key in sorted(chosen)]


async def _instance(
    s: Services, actor: Actor, machine: Machine, wanted: Sequence[Extension]
) -> InstanceView:
    views = await list_extensions(s, actor, resource_id=machine.vm.resource_id)
    has = {view.extension.name.lower(): view.extension for view in views}
    latest = all(_has(s, has.get(row.name.lower()), row) for row in wanted)
    return InstanceView(machine, views, latest)


def _has(s: Services, present: Extension | None, wanted: Extension) -> bool:
    if present is None or present.provisioning_state != "Succeeded":
        return False
    return same_request(request_of(s, present), request_of(s, wanted))
