"""Console sessions as history knows them: when they ran and why they ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import EndCode
from gateway.store.rows import many, one, values_of
from gateway.store.schema import consents, sessions


@dataclass(frozen=True, slots=True)
class ConsoleRecord:
    """One console session, from dial to end."""

    id: str
    consent_id: str
    opened_at: datetime
    ended_at: datetime | None = None
    end_code: EndCode | None = None
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PastSession:
    """A console session, and of which VM it was."""

    record: ConsoleRecord
    resource_id: str
    subscription_id: str
    node: str
    tenant: str


class Sessions:
    """The console sessions of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: ConsoleRecord) -> None:
        await self._connection.execute(insert(sessions).values(values_of(record)))

    async def get(self, session_id: str) -> ConsoleRecord | None:
        found = select(sessions).where(sessions.c.id == session_id)
        return await one(self._connection, found, ConsoleRecord)

    async def update(self, record: ConsoleRecord) -> None:
        """Write `record` over the row with its id."""
        row = update(sessions).where(sessions.c.id == record.id)
        await self._connection.execute(row.values(values_of(record)))

    async def for_consent(self, consent_id: str) -> tuple[ConsoleRecord, ...]:
        """Return the sessions that a consent allowed, oldest first."""
        found = select(sessions).where(sessions.c.consent_id == consent_id)
        oldest = found.order_by(sessions.c.opened_at, sessions.c.id)
        return await many(self._connection, oldest, ConsoleRecord)

    async def list(
        self,
        limit: int,
        *,
        subscription_ids: Collection[str] | None = None,
        vm_key: str | None = None,
        node: str | None = None,
        before: ConsoleRecord | None = None,
    ) -> tuple[PastSession, ...]:
        """Return at most `limit` sessions, newest first, that come after `before`."""
        about = (
            consents.c.resource_id,
            consents.c.subscription_id,
            consents.c.node,
            consents.c.tenant,
        )
        found = select(sessions, *about).join(consents)
        if subscription_ids is not None:
            wanted = [subscription_id.lower() for subscription_id in subscription_ids]
            found = found.where(consents.c.subscription_id.in_(wanted))
        if vm_key is not None:
            found = found.where(consents.c.vm_key == vm_key.lower())
        if node is not None:
            found = found.where(consents.c.node == node)
        if before is not None:
            same_moment = and_(sessions.c.opened_at == before.opened_at, sessions.c.id < before.id)
            found = found.where(or_(sessions.c.opened_at < before.opened_at, same_moment))
        newest = found.order_by(sessions.c.opened_at.desc(), sessions.c.id.desc()).limit(limit)
        return await many(self._connection, newest, _past)


def _past(
    *, resource_id: str, subscription_id: str, node: str, tenant: str, **columns: Any
) -> PastSession:
    return PastSession(ConsoleRecord(**columns), resource_id, subscription_id, node, tenant)
