"""The audit log: one chained record per decision, in the commit of what it records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.audit_chain import AuditRecord, Broken, ChainWalk, Head, Intact, seal
from gateway.store.audit_entry import AuditEntry, Outcome, columns_of
from gateway.store.rows import many, values_of
from gateway.store.schema import audit, audit_head

VERIFIED_AT_ONCE = 500

__all__ = ["AuditEntry", "AuditFilter", "AuditLog"]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records to show: those that match every field that is given."""

    action: str | None = None
    actor: str | None = None  # without regard to case
    outcome: Outcome | None = None
    target: str | None = None


EVERYTHING = AuditFilter()


class AuditLog:
    """The audit log in one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(self, entry: AuditEntry) -> AuditRecord:
        """Append `entry` to the chain; it stands or falls with this unit's commit."""
        head = await self.head(lock=True)
        seq, columns = head.seq + 1, columns_of(entry)
        sealed = seal(seq, columns, head.hash)
        record = AuditRecord(seq=seq, **columns, prev_hash=head.hash, hash=sealed)
        await self._connection.execute(insert(audit).values(values_of(record)))
        moved = await self._connection.execute(update(audit_head).values(seq=seq, hash=sealed))
        assert moved.rowcount == 1, "the audit log has one head"
        return record

    async def head(self, *, lock: bool = False) -> Head:
        """Return the newest record's place. `lock` keeps other writers out until the commit."""
        row = select(audit_head.c.seq, audit_head.c.hash)
        # SQLite writers are alone since BEGIN IMMEDIATE and have no FOR UPDATE.
        found = (await self._connection.execute(row.with_for_update() if lock else row)).one()
        return Head(found.seq, found.hash)

    async def page(
        self, before_seq: int | None = None, limit: int = 50, filters: AuditFilter = EVERYTHING
    ) -> tuple[AuditRecord, ...]:
        """Return at most `limit` records that match, newest first, older than `before_seq`."""
        found = select(audit).where(*_conditions(filters))
        if before_seq is not None:
            found = found.where(audit.c.seq < before_seq)
        newest = found.order_by(audit.c.seq.desc()).limit(limit)
        return await many(self._connection, newest, AuditRecord)

    async def verify(self, checkpoints: Iterable[Head] = ()) -> Intact | Broken:
        """Check the whole chain, up to the store's own head and through every checkpoint."""
        walk = ChainWalk(checkpoints)
        last = 0
        while records := await self._after(last):
            for record in records:
                broken = walk.step(record)
                if broken is not None:
                    return broken
            last = records[-1].seq
        return walk.finish(await self.head())

    async def _after(self, seq: int) -> tuple[AuditRecord, ...]:
        following = select(audit).where(audit.c.seq > seq).order_by(audit.c.seq)
        return await many(self._connection, following.limit(VERIFIED_AT_ONCE), AuditRecord)


def _conditions(filters: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.action is not None:
        conditions.append(audit.c.action == filters.action)
    if filters.actor is not None:
        conditions.append(func.lower(audit.c.actor) == filters.actor.lower())
    if filters.outcome is not None:
        conditions.append(audit.c.outcome == filters.outcome)
    if filters.target is not None:
        conditions.append(audit.c.target == filters.target)
    return conditions
