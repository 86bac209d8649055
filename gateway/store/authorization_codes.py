"""Authorization codes: what a browser carries back to the program that sent it (RFC 6749 §4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import one, values_of
from gateway.store.schema import authorization_codes

KEPT = timedelta(days=1)  # after they ran out: whoever brings one again betrays a theft

CODE = select(*(column for column in authorization_codes.c if column.name != "digest"))


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """Somebody's approval of a program, good for one exchange; its secret lies as a digest."""

    client_id: str
    redirect_uri: str
    challenge: str  # PKCE, S256 (RFC 7636 §4.2)
    audience: str
    nonce: str
    account_id: str
    address: str  # the browser's
    expires_at: datetime
    used_at: datetime | None = None
    sign_in_id: str | None = None  # what it was exchanged for


class AuthorizationCodes:
    """The authorization codes of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, code: AuthorizationCode, digest: str, now: datetime) -> None:
        """Add a code, and forget those that ran out long ago."""
        old = delete(authorization_codes).where(authorization_codes.c.expires_at <= now - KEPT)
        await self._connection.execute(old)
        row = insert(authorization_codes).values(digest=digest, **values_of(code))
        await self._connection.execute(row)

    async def by_digest(self, digest: str) -> AuthorizationCode | None:
        found = CODE.where(authorization_codes.c.digest == digest)
        return await one(self._connection, found, AuthorizationCode)

    async def use(self, digest: str, now: datetime) -> bool:
        """Use a code up, whatever comes of it: False where it was used before."""
        row = update(authorization_codes).where(
            authorization_codes.c.digest == digest, authorization_codes.c.used_at.is_(None)
        )
        return 0 < (await self._connection.execute(row.values(used_at=now))).rowcount

    async def withdraw(self, account_id: str, now: datetime) -> None:
        """Use up the codes of an account that no program has brought yet."""
        row = update(authorization_codes).where(
            authorization_codes.c.account_id == account_id, authorization_codes.c.used_at.is_(None)
        )
        await self._connection.execute(row.values(used_at=now))

    async def exchanged(self, digest: str, sign_in_id: str) -> None:
        """Note what a used code was exchanged for."""
        row = update(authorization_codes).where(authorization_codes.c.digest == digest)
        await self._connection.execute(row.values(sign_in_id=sign_in_id))
