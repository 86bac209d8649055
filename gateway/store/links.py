"""Share links: view-only ways into a running console session."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import ShareLink
from gateway.store.rows import many, one, values_of
from gateway.store.schema import links

LINK = select(*(column for column in links.c if column.name != "digest"))


class Links:
    """The share links of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, link: ShareLink, digest: str) -> None:
        """Add a link; `digest` is the SHA-256 of its secret, in hexadecimal."""
        await self._connection.execute(insert(links).values(digest=digest, **values_of(link)))

    async def by_digest(self, digest: str) -> ShareLink | None:
        """Return the link with that secret, revoked and expired ones included."""
        return await one(self._connection, LINK.where(links.c.digest == digest), ShareLink)

    async def get(self, link_id: str) -> ShareLink | None:
        return await one(self._connection, LINK.where(links.c.id == link_id), ShareLink)

    async def by_ids(self, ids: Collection[str]) -> tuple[ShareLink, ...]:
        """Return those that there are."""
        return await many(self._connection, LINK.where(links.c.id.in_(ids)), ShareLink)

    async def for_consent(self, consent_id: str) -> tuple[ShareLink, ...]:
        """Return the links of a consent's session, revoked ones included, oldest first."""
        found = LINK.where(links.c.consent_id == consent_id)
        oldest = found.order_by(links.c.created_at, links.c.id)
        return await many(self._connection, oldest, ShareLink)

    async def update(self, link: ShareLink) -> None:
        """Write `link` over the row with its id; its secret stays."""
        row = update(links).where(links.c.id == link.id)
        await self._connection.execute(row.values(values_of(link)))
