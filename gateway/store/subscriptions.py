"""Subscriptions for which an admin enabled, or has disabled, emergency access."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Subscription
from gateway.store.rows import many, one
from gateway.store.schema import subscriptions

SUBSCRIPTION = select(subscriptions.c.id, subscriptions.c.enabled)


class Subscriptions:
    """The subscriptions of one unit of work. One that nobody ever enabled has no row."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, subscription_id: str) -> Subscription | None:
        """Return the subscription, without regard to case."""
        row = SUBSCRIPTION.where(subscriptions.c.id == subscription_id.lower())
        return await one(self._connection, row, Subscription)

    async def set_enabled(self, subscription_id: str, enabled: bool, now: datetime) -> None:  # noqa: FBT001
        """Enable or disable the subscription, whether or not it was known before."""
        values = {"enabled": enabled, "changed_at": now}
        row = subscriptions.c.id == subscription_id.lower()
        changed = await self._connection.execute(update(subscriptions).where(row).values(values))
        if changed.rowcount == 0:
            await self._connection.execute(
                insert(subscriptions).values(id=subscription_id.lower(), **values)
            )

    async def enabled_ids(self) -> tuple[str, ...]:
        """Return the ids of the enabled ones; the one enabled last comes last."""
        chosen = select(subscriptions.c.id).where(subscriptions.c.enabled)
        in_order = chosen.order_by(subscriptions.c.changed_at, subscriptions.c.id)
        return tuple((await self._connection.execute(in_order)).scalars())

    async def list(self) -> tuple[Subscription, ...]:
        """Return all known subscriptions by id."""
        return await many(self._connection, SUBSCRIPTION.order_by(subscriptions.c.id), Subscription)
