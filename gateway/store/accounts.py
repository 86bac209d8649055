"""Accounts: who may sign in, as what, for which subscriptions."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict
from gateway.policy.facts import Role
from gateway.store.rows import values_of
from gateway.store.schema import account_subscriptions, accounts, used_codes

# A code is accepted one step early or late; older steps can never come again.
KEPT_STEPS = 10


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. Without a password hash, only by way of a set-up link."""

    id: str
    name: str
    role: Role
    password_hash: str | None
    code_secret: str | None  # sealed by `identity`, never clear
    subscriptions: frozenset[str]  # lower-case ids
    disabled: bool
    created_at: datetime


class Accounts:
    """The accounts of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, account: Account) -> None:
        """Add `account`. Raises: Conflict where the name is taken, whatever its case."""
        if await self.by_name(account.name) is not None:
            raise Conflict("an account of that name exists")
        await self._connection.execute(insert(accounts).values(_columns(account)))
        await self._write_subscriptions(account)

    async def by_name(self, name: str) -> Account | None:
        """Return the account called `name`, without regard to case."""
        return await self._only(accounts.c.name_key == name_key(name))

    async def by_id(self, account_id: str) -> Account | None:
        return await self._only(accounts.c.id == account_id)

    async def by_ids(self, ids: Collection[str]) -> tuple[Account, ...]:
        """Return those that there are."""
        return await self._where(accounts.c.id.in_(ids))

    async def list(self) -> tuple[Account, ...]:
        """Return all accounts by name."""
        return await self._where()

    async def update(self, account: Account) -> None:
        """Write `account` over the row with its id.

        Raises: Conflict where its new name is taken.
        """
        namesake = await self.by_name(account.name)
        if namesake is not None and namesake.id != account.id:
            raise Conflict("an account of that name exists")
        row = accounts.c.id == account.id
        await self._connection.execute(update(accounts).where(row).values(_columns(account)))
        await self._connection.execute(
            delete(account_subscriptions).where(account_subscriptions.c.account_id == account.id)
        )
        await self._write_subscriptions(account)

    async def use_code(self, account_id: str, step: int) -> bool:
        """Use up the one-time code of time step `step`: False where it was used before."""
        mine = used_codes.c.account_id == account_id
        used = select(used_codes.c.step).where(mine, used_codes.c.step == step)
        if (await self._connection.execute(used)).first() is not None:
            return False
        old = delete(used_codes).where(mine, used_codes.c.step < step - KEPT_STEPS)
        await self._connection.execute(old)
        await self._connection.execute(insert(used_codes).values(account_id=account_id, step=step))
        return True

    async def _only(self, condition: ColumnElement[bool]) -> Account | None:
        return next(iter(await self._where(condition)), None)

    async def _where(self, *conditions: ColumnElement[bool]) -> tuple[Account, ...]:
        chosen = select(accounts, account_subscriptions.c.subscription_id)
        joined = chosen.outerjoin(account_subscriptions).where(*conditions)
        ordered = joined.order_by(accounts.c.name_key)
        rows = (await self._connection.execute(ordered)).mappings()
        # One row per subscription, and one with none for an account without any.
        return tuple(_account(list(group)) for _, group in groupby(rows, key=lambda row: row["id"]))

    async def _write_subscriptions(self, account: Account) -> None:
        owned: builtins.list[dict[str, str]] = [
            {"account_id": account.id, "subscription_id": subscription.lower()}
            for subscription in sorted(account.subscriptions)
        ]
        if owned:
            await self._connection.execute(insert(account_subscriptions), owned)


def name_key(name: str) -> str:
    """Return what makes two spellings of `name` one name."""
    return name.casefold()


def _columns(account: Account) -> dict[str, Any]:
    columns = values_of(account)
    del columns["subscriptions"]
    return columns | {"name_key": name_key(account.name)}


def _account(rows: list[RowMapping]) -> Account:
    columns = dict(rows[0])
    del columns["name_key"], columns["subscription_id"]
    owned = (row["subscription_id"] for row in rows)
    return Account(**columns, subscriptions=frozenset(each for each in owned if each is not None))
