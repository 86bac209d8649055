"""Sign-ins: revocable rows behind an opaque cookie or bearer token."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Role
from gateway.store.rows import many, one, values_of
from gateway.store.schema import accounts, sign_ins

SignInKind = Literal["browser", "bearer", "arm"]

COLUMNS = tuple(column for column in sign_ins.c if column.name != "digest")


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody proved who they are. Over at `expires_at`, or `idle` after `last_seen_at`."""

    id: str  # public; the secret lies only as a digest
    account_id: str
    kind: SignInKind
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    idle: timedelta
    stepped_up_at: datetime | None
    address: str
    user_agent: str
    ended_at: datetime | None = None

    @property
    def idles_until(self) -> datetime:
        """When it is over unless it is used before."""
        return self.last_seen_at + self.idle


@dataclass(frozen=True, slots=True)
class NamedSignIn:
    """A sign-in and whose it is."""

    sign_in: SignIn
    name: str
    role: Role


class SignIns:
    """The sign-ins of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, sign_in: SignIn, digest: str) -> None:
        """Add a sign-in; `digest` is the SHA-256 of its secret, in hexadecimal."""
        await self._connection.execute(insert(sign_ins).values(digest=digest, **values_of(sign_in)))

    async def by_digest(self, digest: str) -> SignIn | None:
        """Return the sign-in with that secret; whether it still counts is `identity`'s to say."""
        found = select(*COLUMNS).where(sign_ins.c.digest == digest)
        return await one(self._connection, found, SignIn)

    async def get(self, sign_in_id: str) -> SignIn | None:
        found = select(*COLUMNS).where(sign_ins.c.id == sign_in_id)
        return await one(self._connection, found, SignIn)

    async def by_ids(self, ids: Collection[str]) -> tuple[SignIn, ...]:
        """Return those that there are; whether they still count is `identity`'s to say."""
        found = select(*COLUMNS).where(sign_ins.c.id.in_(ids))
        return await many(self._connection, found, SignIn)

    async def list(self, active_at: datetime) -> tuple[SignIn, ...]:
        """Return the sign-ins that count at that moment, the one seen last first."""
        return tuple(named.sign_in for named in await self.named(active_at))

    async def named(self, active_at: datetime) -> tuple[NamedSignIn, ...]:
        """As `list`, each with whose it is."""
        joined = select(*COLUMNS, accounts.c.name, accounts.c.role).join(accounts)
        unended = joined.where(sign_ins.c.ended_at.is_(None), active_at < sign_ins.c.expires_at)
        latest = unended.order_by(sign_ins.c.last_seen_at.desc(), sign_ins.c.id)
        found = await many(self._connection, latest, _named)
        # Adding a span to a moment is spelled differently on every database; there are few rows.
        return tuple(named for named in found if active_at < named.sign_in.idles_until)

    async def for_account(self, account_id: str) -> tuple[SignIn, ...]:
        """Return an account's sign-ins that were not ended, the newest first."""
        mine = sign_ins.c.account_id == account_id, sign_ins.c.ended_at.is_(None)
        newest = select(*COLUMNS).where(*mine).order_by(sign_ins.c.created_at.desc(), sign_ins.c.id)
        return await many(self._connection, newest, SignIn)

    async def rotate(
        self, sign_in_id: str, new_digest: str, stepped_up_at: datetime | None = None
    ) -> None:
        """Give the sign-in a new secret, and note the step-up that was the cause of it.

        The old secret is worth nothing from this commit on.
        """
        values: dict[str, Any] = {"digest": new_digest}
        if stepped_up_at is not None:
            values |= {"stepped_up_at": stepped_up_at, "last_seen_at": stepped_up_at}
        await self._update(sign_in_id, values)

    async def touch(self, sign_in_id: str, now: datetime) -> None:
        """Note that the sign-in was used. A commit costs a disk flush: not at every request."""
        await self._update(sign_in_id, {"last_seen_at": now})

    async def touch_each(self, ids: Collection[str], now: datetime) -> None:
        """As `touch`, for many in one statement."""
        rows = update(sign_ins).where(sign_ins.c.id.in_(ids))
        await self._connection.execute(rows.values(last_seen_at=now))

    async def end(self, sign_in_id: str, now: datetime) -> bool:
        """End the sign-in: False where it is unknown or was ended before."""
        row = update(sign_ins).where(sign_ins.c.id == sign_in_id, sign_ins.c.ended_at.is_(None))
        return 0 < (await self._connection.execute(row.values(ended_at=now))).rowcount

    async def _update(self, sign_in_id: str, values: dict[str, Any]) -> None:
        row = update(sign_ins).where(sign_ins.c.id == sign_in_id)
        await self._connection.execute(row.values(values))


def _named(*, name: str, role: Role, **columns: Any) -> NamedSignIn:
    return NamedSignIn(SignIn(**columns), name, role)
