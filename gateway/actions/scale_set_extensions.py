"""The extensions of a scale set, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.actions.asking import request_of
from gateway.actions.recording import Act, deciding
from gateway.actions.scale_set_rows import (
    check_requests,
    own_members,
    seen_members,
    write_extension,
)
from gateway.actions.services import Services
from gateway.errors import NotFound
from gateway.policy.facts import Actor
from gateway.policy.verdict import Deny
from gateway.recovery.extension import ExtensionRequest, merge_patch, parse_extension
from gateway.store import Extension

NO_SUCH_EXTENSION = Deny(
    "NoSuchExtension", "the scale set has no extension of that name", hidden=True
)


@dataclass(frozen=True, slots=True)
class Written:
    """An extension of a scale set as it lies now, and whether there was none of its name."""

    extension: Extension
    created: bool


async def see_set_extension(
    s: Services, actor: Actor, *, resource_id: str, name: str, location: str
) -> Extension:
    """Raises: NotFound."""
    members = seen_members(s, actor, resource_id, location)
    async with s.store.reading() as unit:
        found = await unit.extensions.get(members.resource_id, name)
    if found is None:
        raise NotFound(NO_SUCH_EXTENSION.reason)
    return found


async def list_set_extensions(
    s: Services, actor: Actor, *, resource_id: str, location: str
) -> Sequence[Extension]:
    """By name. Raises: NotFound."""
    members = seen_members(s, actor, resource_id, location)
    async with s.store.reading() as unit:
        return await unit.extensions.list(members.resource_id)


async def put_set_extension(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    name: str,
    body: Mapping[str, Any],
    location: str,
    now: datetime,
) -> Written:
    """Write an extension whole: without protected settings it has none.

    Raises: NotFound, InvalidInput, ExtensionRefused.
    """

    def read(row: Extension | None) -> ExtensionRequest:
        return parse_extension(name, body, state=row.provisioning_state if row else None)

    return await _write(s, actor, resource_id, name, location, now, read)


async def patch_set_extension(
    s: Services,
    actor: Actor,
    *,
    resource_id: str,
    name: str,
    body: Mapping[str, Any],
    location: str,
    now: datetime,
) -> Written:
    """Change what `body` names; protected settings that it leaves out stay.

    Raises: NotFound, InvalidInput, ExtensionRefused.
    """

    def read(row: Extension | None) -> ExtensionRequest:
        if row is None:
            raise NotFound(NO_SUCH_EXTENSION.reason)
        return merge_patch(request_of(s, row), body, state=row.provisioning_state)

    return await _write(s, actor, resource_id, name, location, now, read)


async def remove_set_extension(
    s: Services, actor: Actor, *, resource_id: str, name: str, location: str, now: datetime
) -> bool:
    """Remove it: False where there was none. Its instances keep what was done. Raises: NotFound."""
    async with (
        deciding(s, actor, Act.REMOVE_SET_EXTENSION, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        members = own_members(d, s, actor, resource_id, location)
        row = await unit.extensions.get(members.resource_id, name)
        d.note(extension=row.name if row else None)
        if row is not None:
            await unit.extensions.remove(row.id)
        return row is not None


async def _write(  # noqa: PLR0917
    s: Services,
    actor: Actor,
    resource_id: str,
    name: str,
    location: str,
    now: datetime,
    read: Callable[[Extension | None], ExtensionRequest],
) -> Written:
    async with (
        deciding(s, actor, Act.WRITE_SET_EXTENSION, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        members = own_members(d, s, actor, resource_id, location)
        rows = {row.name.lower(): row for row in await unit.extensions.list(members.resource_id)}
        row = rows.pop(name.lower(), None)
        request = read(row)
        check_requests([*(request_of(s, other) for other in rows.values()), request])
        written = await write_extension(s, unit, members, row, request, now)
        d.note(extension=written.name, handler=written.handler)
        return Written(written, created=row is None)
