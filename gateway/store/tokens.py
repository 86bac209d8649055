"""Access and refresh tokens: what an ARM client bears, each drawn from a sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import one, values_of
from gateway.store.schema import sign_ins, tokens

TokenKind = Literal["access", "refresh"]

TOKEN = select(*(column for column in tokens.c if column.name != "digest"))


@dataclass(frozen=True, slots=True)
class Token:
    """What a token stands for; its secret lies only as a digest.

    INVARIANT: it counts no longer than its sign-in.
    """

    kind: TokenKind
    sign_in_id: str
    client_id: str  # what the program calls itself
    audience: str  # the endpoint's public base
    expires_at: datetime
    used_at: datetime | None = None  # a refresh token works once


class Tokens:
    """The tokens of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, token: Token, digest: str) -> None:
        """Add a token; `digest` is the SHA-256 of its secret, in hexadecimal."""
        await self._connection.execute(insert(tokens).values(digest=digest, **values_of(token)))

    async def by_digest(self, digest: str) -> Token | None:
        return await one(self._connection, TOKEN.where(tokens.c.digest == digest), Token)

    async def use(self, digest: str, now: datetime) -> bool:
        """Use a token up: False where it was used before."""
        unused = update(tokens).where(tokens.c.digest == digest, tokens.c.used_at.is_(None))
        return 0 < (await self._connection.execute(unused.values(used_at=now))).rowcount

    async def drop_expired(self, now: datetime) -> None:
        """Forget what ran out; till then a used refresh token stays, and betrays a thief."""
        await self._connection.execute(delete(tokens).where(tokens.c.expires_at <= now))

    async def sign_ins_of(self, client_id: str) -> tuple[str, ...]:
        """Return the ids of the sign-ins of a program that were not ended."""
        chosen = select(tokens.c.sign_in_id).distinct().join(sign_ins)
        mine = chosen.where(tokens.c.client_id == client_id, sign_ins.c.ended_at.is_(None))
        return tuple((await self._connection.execute(mine)).scalars())
