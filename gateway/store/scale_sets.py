"""Scale sets as their owners last wrote them. One that nobody wrote has no row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import many, one, values_of
from gateway.store.schema import scale_sets


@dataclass(frozen=True, slots=True)
class ScaleSet:
    """What a scale set's owner wrote, but its extensions: those are rows of their own."""

    key: str  # the resource id in lower case
    resource_id: str
    model: str  # JSON, without secrets
    changed_at: datetime


class ScaleSets:
    """The scale sets of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, key: str) -> ScaleSet | None:
        row = select(scale_sets).where(scale_sets.c.key == key.lower())
        return await one(self._connection, row, ScaleSet)

    async def among(self, keys: Collection[str]) -> tuple[ScaleSet, ...]:
        """Return those of the scale sets with these keys that somebody wrote, by key."""
        found = select(scale_sets).where(scale_sets.c.key.in_(keys))
        return await many(self._connection, found.order_by(scale_sets.c.key), ScaleSet)

    async def put(self, scale_set: ScaleSet) -> None:
        """Write the scale set, over the row with its key where there is one."""
        row = update(scale_sets).where(scale_sets.c.key == scale_set.key)
        changed = await self._connection.execute(row.values(values_of(scale_set)))
        if changed.rowcount == 0:
            await self._connection.execute(insert(scale_sets).values(values_of(scale_set)))
