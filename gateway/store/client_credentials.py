"""Client credentials: how a program signs in by itself, as an account."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Role
from gateway.store.rows import many, one, values_of
from gateway.store.schema import accounts, client_credentials

COLUMNS = tuple(column for column in client_credentials.c if column.name != "digest")


@dataclass(frozen=True, slots=True)
class ClientCredential:
    """Over at `expires_at`, or once it is revoked; its secret lies only as a digest."""

    id: str  # the client id, a GUID
    account_id: str
    label: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NamedCredential:
    """A credential and as whom its program acts."""

    credential: ClientCredential
    name: str
    role: Role


class ClientCredentials:
    """The client credentials of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, credential: ClientCredential, digest: str) -> None:
        """Add a credential; `digest` is the SHA-256 of its secret, in hexadecimal."""
        row = insert(client_credentials).values(digest=digest, **values_of(credential))
        await self._connection.execute(row)

    async def get(self, credential_id: str) -> ClientCredential | None:
        found = select(*COLUMNS).where(client_credentials.c.id == credential_id)
        return await one(self._connection, found, ClientCredential)

    async def digest_of(self, credential_id: str) -> str | None:
        """Return the digest of a credential's secret."""
        found = select(client_credentials.c.digest).where(client_credentials.c.id == credential_id)
        return (await self._connection.execute(found)).scalar_one_or_none()

    async def list(self) -> builtins.list[NamedCredential]:
        """Return every credential, the newest first."""
        joined = select(*COLUMNS, accounts.c.name, accounts.c.role).join(accounts)
        newest = joined.order_by(client_credentials.c.created_at.desc(), client_credentials.c.id)
        return [*await many(self._connection, newest, _named)]

    async def revoke(self, credential_id: str, now: datetime) -> bool:
        """Revoke a credential: False where it is unknown or was revoked before."""
        row = update(client_credentials).where(
            client_credentials.c.id == credential_id, client_credentials.c.revoked_at.is_(None)
        )
        return 0 < (await self._connection.execute(row.values(revoked_at=now))).rowcount


def _named(*, name: str, role: Role, **columns: Any) -> NamedCredential:
    return NamedCredential(ClientCredential(**columns), name, role)
