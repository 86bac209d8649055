"""Visits: browsers that redeemed a share link."""

from __future__ import annotations

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Visit
from gateway.store.rows import one, values_of
from gateway.store.schema import visits

VISIT = select(*(column for column in visits.c if column.name != "digest"))


class Visits:
    """The visits of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, visit: Visit, digest: str) -> None:
        """Add a visit; `digest` is the SHA-256 of its secret, in hexadecimal."""
        await self._connection.execute(insert(visits).values(digest=digest, **values_of(visit)))

    async def by_digest(self, digest: str) -> Visit | None:
        """Return the visit with that secret, expired ones included."""
        return await one(self._connection, VISIT.where(visits.c.digest == digest), Visit)

    async def get(self, visit_id: str) -> Visit | None:
        return await one(self._connection, VISIT.where(visits.c.id == visit_id), Visit)

    async def count(self, link_id: str) -> int:
        """Return how many browsers redeemed the link."""
        made = select(func.count()).select_from(visits).where(visits.c.link_id == link_id)
        return int((await self._connection.execute(made)).scalar_one())
