"""Grants: operators' rights in console sessions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Grant
from gateway.store.rows import many, one, values_of
from gateway.store.schema import grants


class Grants:
    """The grants of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, grant: Grant) -> None:
        await self._connection.execute(insert(grants).values(values_of(grant)))

    async def get(self, grant_id: str) -> Grant | None:
        return await one(self._connection, select(grants).where(grants.c.id == grant_id), Grant)

    async def for_consent(self, consent_id: str) -> tuple[Grant, ...]:
        """Return the grants drawn from a consent, ended ones included, oldest first."""
        found = select(grants).where(grants.c.consent_id == consent_id)
        oldest = found.order_by(grants.c.stepped_up_at, grants.c.id)
        return await many(self._connection, oldest, Grant)

    async def for_consents(self, consent_ids: Collection[str]) -> tuple[Grant, ...]:
        """Return the grants drawn from any of these consents, ended ones included."""
        found = select(grants).where(grants.c.consent_id.in_(consent_ids))
        return await many(self._connection, found, Grant)

    async def for_sign_in(self, sign_in_id: str) -> tuple[Grant, ...]:
        """Return the grants that stand on a sign-in, ended ones included, oldest first."""
        found = select(grants).where(grants.c.sign_in_id == sign_in_id)
        oldest = found.order_by(grants.c.stepped_up_at, grants.c.id)
        return await many(self._connection, oldest, Grant)

    async def seen(self, ids: Collection[str], now: datetime) -> tuple[str, ...]:
        """Note that viewers of these grants are here, and return the sign-ins that they stand on.

        One that has ended is not brought back to life, and its sign-in is not returned.
        """
        unended = grants.c.id.in_(ids), grants.c.ended_at.is_(None)
        await self._connection.execute(update(grants).where(*unended).values(last_seen_at=now))
        found = await self._connection.execute(select(grants.c.sign_in_id).where(*unended))
        return tuple(found.scalars())

    async def update(self, grant: Grant) -> None:
        """Write `grant` over the row with its id."""
        row = update(grants).where(grants.c.id == grant.id)
        await self._connection.execute(row.values(values_of(grant)))
