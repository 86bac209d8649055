"""Device codes: programs that wait for their person to approve them in a browser (RFC 8628)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.rows import one
from gateway.store.schema import device_codes

KEPT = timedelta(hours=1)  # after they ran out: who still polls learns why

COLUMNS = tuple(device_codes.c)


class DeviceState(StrEnum):
    """How far a device code has come."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A program's wish to sign in. `digest` is of the secret that the program polls with."""

    digest: str
    user_code: str  # what the person types; as stored, without a hyphen
    client_id: str
    audience: str
    address: str  # the program's
    user_agent: str
    expires_at: datetime
    state: DeviceState = DeviceState.PENDING
    polled_at: datetime | None = None
    account_id: str | None = None  # whose, once it is approved


class DeviceCodes:
    """The device codes of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, code: DeviceCode, now: datetime) -> None:
        """Add a device code, and forget those that ran out long ago."""
        old = delete(device_codes).where(device_codes.c.expires_at <= now - KEPT)
        await self._connection.execute(old)
        await self._connection.execute(insert(device_codes).values(**_values(code)))

    async def by_digest(self, digest: str) -> DeviceCode | None:
        found = select(*COLUMNS).where(device_codes.c.digest == digest)
        return await one(self._connection, found, _device_code)

    async def by_user_code(self, user_code: str) -> DeviceCode | None:
        found = select(*COLUMNS).where(device_codes.c.user_code == user_code)
        return await one(self._connection, found, _device_code)

    async def unapproved(self, now: datetime) -> dict[str, int]:
        """Return how many codes there are, by address, that nobody has approved: those that were
        turned away too, until they run out.
        """
        open_to_all = DeviceState.PENDING.value, DeviceState.DENIED.value
        count = select(device_codes.c.address, func.count().label("number")).where(
            device_codes.c.state.in_(open_to_all), now < device_codes.c.expires_at
        )
        rows = await self._connection.execute(count.group_by(device_codes.c.address))
        return {row.address: row.number for row in rows}

    async def update(self, code: DeviceCode) -> None:
        """Write `code` over the row with its digest."""
        row = update(device_codes).where(device_codes.c.digest == code.digest)
        await self._connection.execute(row.values(**_values(code)))

    async def withdraw(self, account_id: str) -> None:
        """Turn the programs away that an account approved and that have not come back since."""
        row = update(device_codes).where(
            device_codes.c.account_id == account_id,
            device_codes.c.state == DeviceState.APPROVED.value,
        )
        await self._connection.execute(row.values(state=DeviceState.DENIED.value))


def _values(code: DeviceCode) -> dict[str, Any]:
    values = {name: getattr(code, name) for name in DeviceCode.__dataclass_fields__}
    return values | {"state": code.state.value}


def _device_code(*, state: str, **columns: Any) -> DeviceCode:
    return DeviceCode(state=DeviceState(state), **columns)
