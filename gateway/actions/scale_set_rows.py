"""A scale set's rows inside a unit of work: its machines, its model and its extensions.

INVARIANT: protected settings lie sealed in an extension's row and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.actions.asking import extension_row, request_of
from gateway.actions.recording import Decision
from gateway.actions.services import Services
from gateway.errors import NotFound
from gateway.inventory import Machine
from gateway.policy.facts import Actor
from gateway.policy.recovery import may_apply_extension
from gateway.policy.verdict import Deny, Verdict
from gateway.recovery.catalogue import handler_taken
from gateway.recovery.extension import ExtensionRequest, handler_of, parse_extension, same_request
from gateway.recovery.handlers import resolve_version
from gateway.recovery.scale_set import Grounds, Model, WrittenExtension, first_model
from gateway.store import Extension, Unit

NO_SUCH_SCALE_SET = Deny(
    "NoSuchScaleSet", "there is no such scale set in your subscriptions", hidden=True
)
SCALE_SETS = "/virtualmachinescalesets/"
_INSTANCES = "/virtualmachines/"


@dataclass(frozen=True, slots=True)
class Members:
    """A scale set and the machines that the inventory knows of it, by resource id."""

    resource_id: str  # as the inventory spells it
    location: str
    instances: Sequence[Machine]

    @property
    def key(self) -> str:
        return self.resource_id.lower()

    @property
    def name(self) -> str:
        return self.resource_id.rpartition("/")[2]

    @property
    def grounds(self) -> Grounds:
        os = self.instances[0].vm.os
        return Grounds(self.name, self.location, os, len(self.instances))


def members_of(s: Services, resource_id: str, location: str) -> Members | None:
    """The scale set with that id, in whatever case; None where no machine is below it."""
    below = resource_id.lower() + _INSTANCES
    found = [machine for machine in s.inventory.machines() if machine.vm.key.startswith(below)]
    if SCALE_SETS not in below or not found:
        return None
    found.sort(key=lambda machine: machine.vm.key)
    return Members(found[0].vm.resource_id[: len(resource_id)], location, found)


def may_write(actor: Actor, members: Members | None) -> Verdict:
    """Whoever may change a machine may change the scale set that it is in, and see it."""
    if members is None:
        return NO_SUCH_SCALE_SET
    verdict = may_apply_extension(actor, members.instances[0].vm)
    if isinstance(verdict, Deny) and verdict.hidden:
        return NO_SUCH_SCALE_SET
    return verdict


def own_members(d: Decision, s: Services, actor: Actor, resource_id: str, location: str) -> Members:
    """The scale set that `actor` is about to write. Raises: NotFound, Refused."""
    members = members_of(s, resource_id, location)
    d.require(may_write(actor, members))
    members = d.found(members, NO_SUCH_SCALE_SET)
    d.target = members.resource_id
    return members


def seen_members(s: Services, actor: Actor, resource_id: str, location: str) -> Members:
    """The scale set that `actor` looks at. Raises: NotFound."""
    members = members_of(s, resource_id, location)
    if members is None or isinstance(may_write(actor, members), Deny):
        raise NotFound(NO_SUCH_SCALE_SET.reason)
    return members


async def model_of(unit: Unit, members: Members) -> Model:
    """What its owner wrote last, or what it is where nobody did."""
    row = await unit.scale_sets.get(members.key)
    if row is None:
        return first_model(members.grounds)
    model: Model = json.loads(row.model)
    # The inventory says how many machines there are, whenever the model was written.
    model["sku"] = {**model.get("sku", {}), "capacity": len(members.instances)}
    return model


async def write_extensions(
    s: Services, unit: Unit, members: Members, written: Sequence[WrittenExtension], now: datetime
) -> None:
    """Make these the scale set's extensions. What is written again without protected settings
    keeps those that it had; what is not written is gone.

    Raises: InvalidInput, ExtensionRefused; before it writes anything.
    """
    rows = {row.name.lower(): row for row in await unit.extensions.list(members.resource_id)}
    requests = [_requested(s, rows.get(entry.name.lower()), entry) for entry in written]
    check_requests(requests)
    for name in sorted(rows.keys() - {request.name.lower() for request in requests}):
        await unit.extensions.remove(rows[name].id)
    for request in requests:
        await write_extension(s, unit, members, rows.get(request.name.lower()), request, now)


async def write_extension(  # noqa: PLR0917
    s: Services,
    unit: Unit,
    members: Members,
    row: Extension | None,
    request: ExtensionRequest,
    now: datetime,
) -> Extension:
    """Write one checked extension over `row`, or as a new one."""
    if row is not None and same_request(request_of(s, row), request):
        return row
    fresh = extension_row(
        s,
        request,
        row,
        parent_id=members.resource_id,
        location=members.location,
        state="Succeeded",
        action_id=None,
        now=now,
    )
    await (unit.extensions.update if row else unit.extensions.add)(fresh)
    return fresh


def check_requests(requests: Sequence[ExtensionRequest]) -> None:
    """Every version is to be had, and no handler twice (E8). Raises: ExtensionRefused."""
    holders: dict[str, str] = {}
    for request in requests:
        handler = handler_of(request)
        resolve_version(handler, request.version, auto_upgrade=request.auto_upgrade)
        holder = holders.setdefault(handler.full_name, request.name)
        if holder != request.name:
            raise handler_taken(holder, handler)


def _requested(s: Services, row: Extension | None, entry: WrittenExtension) -> ExtensionRequest:
    request = parse_extension(entry.name, entry.body, state=row.provisioning_state if row else None)
    if row is None or request.protected is not None:
        return request
    before = request_of(s, row)
    same = (before.publisher, before.type) == (request.publisher, request.type)
    return replace(request, protected=before.protected) if same else request
