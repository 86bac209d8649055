"""Scale sets: what their owners write about them.

A scale set exists where the inventory knows machines below its resource id. Writing one changes no
machine: its instances take its extensions over when their owner upgrades them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.actions.recording import Act, deciding
from gateway.actions.scale_set_rows import (
    SCALE_SETS,
    Members,
    model_of,
    own_members,
    seen_members,
    write_extensions,
)
from gateway.actions.services import Services
from gateway.errors import InvalidInput
from gateway.inventory import Machine
from gateway.policy.facts import Actor
from gateway.policy.recovery import may_apply_extension
from gateway.policy.verdict import Deny
from gateway.recovery.scale_set import Grounds, Model, patch_over, put_over, read_scale_set
from gateway.store import Extension, ScaleSet, Unit

MOST_KEPT: Final = 256 * 1024  # bytes of a model; a request has a quarter of that

_Merge = Callable[[Model, Model, Grounds], Model]


@dataclass(frozen=True, slots=True)
class ScaleSetView:
    """A scale set: its model without extensions, these by name, and its machines."""

    members: Members
    model: Model
    extensions: Sequence[Extension]


async def see_scale_set(
    s: Services, actor: Actor, resource_id: str, *, location: str
) -> ScaleSetView:
    """Raises: NotFound."""
    members = seen_members(s, actor, resource_id, location)
    async with s.store.reading() as unit:
        return await _view(unit, members)


async def list_scale_sets(
    s: Services, actor: Actor, scope: str, *, location: str
) -> Sequence[ScaleSetView]:
    """The scale sets below the id of a subscription or a resource group, by id."""
    inside = [m for m in s.inventory.machines() if m.vm.key.startswith(f"{scope.lower()}/")]
    ids = {_set_of(machine) for machine in inside if _is_own(actor, machine)}
    async with s.store.reading() as unit:
        return [
            await _view(unit, seen_members(s, actor, resource_id, location))
            for resource_id in sorted(ids)
        ]


async def put_scale_set(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    body: Mapping[str, Any],
    location: str,
    now: datetime,
) -> ScaleSetView:
    """Write a scale set whole.

    What its list of extensions leaves out goes; without a list they all stay. An extension that is
    written again without protected settings keeps its own.
    Raises: NotFound, InvalidInput, ExtensionRefused.
    """
    return await _write(s, actor, resource_id, body, location, now, put_over)


async def patch_scale_set(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    body: Mapping[str, Any],
    location: str,
    now: datetime,
) -> ScaleSetView:
    """As `put_scale_set`, but what is left out of the model stays."""
    return await _write(s, actor, resource_id, body, location, now, patch_over)


async def _write(  # noqa: PLR0917
    s: Services,
    actor: Actor,
    resource_id: str,
    body: Mapping[str, Any],
    location: str,
    now: datetime,
    merge: _Merge,
) -> ScaleSetView:
    async with (
        deciding(s, actor, Act.WRITE_SCALE_SET, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        members = own_members(d, s, actor, resource_id, location)
        written = read_scale_set(body, members.grounds)
        model = merge(await model_of(unit, members), written.model, members.grounds)
        text = json.dumps(model)
        if MOST_KEPT < len(text):
            # Each PATCH may bring more: without a bound here there were none.
            raise InvalidInput("properties", f"the model would be longer than {MOST_KEPT} bytes")
        if written.extensions is not None:
            await write_extensions(s, unit, members, written.extensions, now)
        row = ScaleSet(members.key, members.resource_id, text, now)
        await unit.scale_sets.put(row)
        view = await _view(unit, members)
        d.note(extensions=", ".join(extension.name for extension in view.extensions))
        return view


async def _view(unit: Unit, members: Members) -> ScaleSetView:
    extensions = await unit.extensions.list(members.resource_id)
    return ScaleSetView(members, await model_of(unit, members), extensions)


def _set_of(machine: Machine) -> str:
    """The id of its scale set, in lower case; empty for a machine that is in none."""
    key = machine.vm.key
    return key.rpartition("/virtualmachines/")[0] if SCALE_SETS in key else ""


def _is_own(actor: Actor, machine: Machine) -> bool:
    allowed = not isinstance(may_apply_extension(actor, machine.vm), Deny)
    return allowed and bool(_set_of(machine))
