"""Set-up links: the one-time way in for an account that has no password yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import many, one, values_of
from gateway.store.schema import setup_links

SETUP_LINK = select(*(column for column in setup_links.c if column.name != "digest"))


@dataclass(frozen=True, slots=True)
class SetupLink:
    """Lets whoever holds its secret choose the account's password, once."""

    id: str
    account_id: str
    expires_at: datetime
    used_at: datetime | None = None
    code_secret: str | None = None  # sealed: the one-time-code secret that the page offers


class SetupLinks:
    """The set-up links of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, link: SetupLink, digest: str) -> None:
        """Add a link; `digest` is the SHA-256 of its secret, in hexadecimal."""
        await self._connection.execute(insert(setup_links).values(digest=digest, **values_of(link)))

    async def by_digest(self, digest: str) -> SetupLink | None:
        """Return the link with that secret, used and expired ones included."""
        found = SETUP_LINK.where(setup_links.c.digest == digest)
        return await one(self._connection, found, SetupLink)

    async def for_account(self, account_id: str) -> tuple[SetupLink, ...]:
        """Return every link ever made for the account."""
        found = SETUP_LINK.where(setup_links.c.account_id == account_id)
        return await many(self._connection, found.order_by(setup_links.c.expires_at), SetupLink)

    async def update(self, link: SetupLink) -> None:
        """Write `link` over the row with its id; its secret stays."""
        row = update(setup_links).where(setup_links.c.id == link.id)
        await self._connection.execute(row.values(values_of(link)))
