"""Tickets: one-use, short-lived ways to bring a grant to a viewer's stream or to a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import one
from gateway.store.schema import tickets

TicketKind = Literal["ticket", "handoff"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for; its secret lies only as a digest."""

    kind: TicketKind
    grant_id: str
    address: str
    expires_at: datetime


class Tickets:
    """The tickets of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(
        self, digest: str, kind: TicketKind, grant_id: str, address: str, expires_at: datetime
    ) -> None:
        """Add a ticket; `digest` is the SHA-256 of its secret, in hexadecimal."""
        values = {"kind": kind, "grant_id": grant_id, "address": address, "expires_at": expires_at}
        await self._connection.execute(insert(tickets).values(digest=digest, **values))

    async def take(self, digest: str, now: datetime) -> Ticket | None:
        """Use a ticket up: None where it is unknown, used or run out, told apart by nobody."""
        await self._connection.execute(delete(tickets).where(tickets.c.expires_at <= now))
        columns = tickets.c.kind, tickets.c.grant_id, tickets.c.address, tickets.c.expires_at
        taken = delete(tickets).where(tickets.c.digest == digest).returning(*columns)
        return await one(self._connection, taken, Ticket)
