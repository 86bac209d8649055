"""Operations: what an ARM client polls. How one stands is told by its actions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import one, values_of
from gateway.store.schema import operations


@dataclass(frozen=True, slots=True)
class Operation:
    """One long-running request. Without actions it was over when it began."""

    id: str
    subscription_id: str
    kind: str  # such as "extension.put"
    target: str  # the resource's id
    account_id: str
    started_at: datetime


class Operations:
    """The operations of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, operation: Operation) -> None:
        await self._connection.execute(insert(operations).values(values_of(operation)))

    async def get(self, operation_id: str) -> Operation | None:
        row = select(operations).where(operations.c.id == operation_id)
        return await one(self._connection, row, Operation)
