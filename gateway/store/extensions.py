"""Extensions of VMs and scale sets: what was asked for last, and how that stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import many, one, values_of
from gateway.store.schema import extensions

EXTENSION = select(*(c for c in extensions.c if c.name not in {"parent_key", "name_key"}))


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension of a VM or of a scale set, as its owner last wrote it."""

    id: str
    parent_id: str  # the VM's or scale set's resource id
    name: str
    location: str
    publisher: str
    type: str
    version: str  # as it was asked for, such as "2.0"
    auto_upgrade: bool
    force_update_tag: str | None
    settings: str  # JSON
    protected: str | None = field(repr=False)  # JSON, sealed by `identity`, never clear
    provisioning_state: str  # Creating, Updating, Succeeded, Failed, Canceled
    action_id: str | None  # the newest action that it asked for
    created_at: datetime
    changed_at: datetime

    @property
    def handler(self) -> str:
        """Publisher and type: one extension per handler."""
        return f"{self.publisher}.{self.type}"


class Extensions:
    """The extensions of one unit of work. Ids and names are compared without regard to case."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, extension: Extension) -> None:
        await self._connection.execute(insert(extensions).values(_columns(extension)))

    async def get(self, parent_id: str, name: str) -> Extension | None:
        mine = extensions.c.parent_key == parent_id.lower(), extensions.c.name_key == name.lower()
        return await one(self._connection, EXTENSION.where(*mine), Extension)

    async def of_action(self, action_id: str) -> Extension | None:
        """Return the extension whose newest action that is."""
        mine = extensions.c.action_id == action_id
        return await one(self._connection, EXTENSION.where(mine), Extension)

    async def list(self, parent_id: str) -> tuple[Extension, ...]:
        """Return the extensions of a VM or scale set by name."""
        mine = EXTENSION.where(extensions.c.parent_key == parent_id.lower())
        return await many(self._connection, mine.order_by(extensions.c.name_key), Extension)

    async def update(self, extension: Extension) -> None:
        """Write `extension` over the row with its id."""
        row = update(extensions).where(extensions.c.id == extension.id)
        await self._connection.execute(row.values(_columns(extension)))

    async def remove(self, extension_id: str) -> None:
        await self._connection.execute(delete(extensions).where(extensions.c.id == extension_id))


def _columns(extension: Extension) -> dict[str, Any]:
    keys = {"parent_key": extension.parent_id.lower(), "name_key": extension.name.lower()}
    return values_of(extension) | keys
