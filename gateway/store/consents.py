"""Consents: what tenants promised, for which VM, until when, and how it ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Consent
from gateway.store.rows import many, one, values_of
from gateway.store.schema import consents


class Consents:
    """The consents of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, consent: Consent) -> None:
        await self._connection.execute(insert(consents).values(values_of(consent)))

    async def get(self, consent_id: str) -> Consent | None:
        return await one(
            self._connection, select(consents).where(consents.c.id == consent_id), Consent
        )

    async def by_ids(self, ids: Collection[str]) -> tuple[Consent, ...]:
        """Return those that there are."""
        return await many(self._connection, select(consents).where(consents.c.id.in_(ids)), Consent)

    async def update(self, consent: Consent) -> None:
        """Write `consent` over the row with its id."""
        row = update(consents).where(consents.c.id == consent.id)
        await self._connection.execute(row.values(values_of(consent)))

    async def active_for(self, vm_key: str, now: datetime) -> Consent | None:
        """Return the consent in force for a VM; the one that lasts longest, were there two."""
        found = select(consents).where(_active(now), consents.c.vm_key == vm_key.lower())
        newest = found.order_by(consents.c.expires_at.desc()).limit(1)
        return await one(self._connection, newest, Consent)

    async def active(
        self,
        now: datetime,
        node: str | None = None,
        subscription_ids: Collection[str] | None = None,
    ) -> tuple[Consent, ...]:
        """Return the consents in force, those that end first first."""
        conditions = [_active(now), *_chosen(node=node, subscription_ids=subscription_ids)]
        found = select(consents).where(*conditions)
        soonest = found.order_by(consents.c.expires_at, consents.c.id)
        return await many(self._connection, soonest, Consent)

    async def unended(self) -> tuple[Consent, ...]:
        """Return the consents whose row says of no end, also where they ran out by now."""
        found = select(consents).where(consents.c.ended_at.is_(None))
        soonest = found.order_by(consents.c.expires_at, consents.c.id)
        return await many(self._connection, soonest, Consent)

    async def history(
        self,
        limit: int,
        *,
        vm_key: str | None = None,
        subscription_ids: Collection[str] | None = None,
        node: str | None = None,
        before: Consent | None = None,
    ) -> tuple[Consent, ...]:
        """Return at most `limit` consents, newest first, that come after `before`."""
        conditions = _chosen(vm_key=vm_key, node=node, subscription_ids=subscription_ids)
        if before is not None:
            conditions.append(_earlier_than(before))
        newest = consents.c.given_at.desc(), consents.c.id.desc()
        found = select(consents).where(*conditions).order_by(*newest).limit(limit)
        return await many(self._connection, found, Consent)


def _active(now: datetime) -> ColumnElement[bool]:
    return consents.c.ended_at.is_(None) & (now < consents.c.expires_at)


def _earlier_than(consent: Consent) -> ColumnElement[bool]:
    same_moment = and_(consents.c.given_at == consent.given_at, consents.c.id < consent.id)
    return or_(consents.c.given_at < consent.given_at, same_moment)


def _chosen(
    *,
    vm_key: str | None = None,
    node: str | None = None,
    subscription_ids: Collection[str] | None = None,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if vm_key is not None:
        conditions.append(consents.c.vm_key == vm_key.lower())
    if node is not None:
        conditions.append(consents.c.node == node)
    if subscription_ids is not None:
        wanted = [subscription_id.lower() for subscription_id in subscription_ids]
        conditions.append(consents.c.subscription_id.in_(wanted))
    return conditions
