"""Recovery actions: what was asked of a guest, and what became of it.

INVARIANT: a row says `sent` before anything that changes the guest is sent, and says so once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.recovery import ActionState
from gateway.store.rows import many, one, values_of
from gateway.store.schema import recovery_actions

Origin = Literal["arm", "page", "proposal"]


@dataclass(frozen=True, slots=True)
class RecoveryAction:
    """One request to a guest."""

    id: str
    vm_key: str
    resource_id: str
    subscription_id: str
    node: str  # the gateway that carries it out
    kind: str  # a word of recovery's `ActionKind`
    title: str  # for people; names no account
    state: ActionState
    origin: Origin
    handler: str  # such as "Microsoft.Compute.VMAccessAgent"
    extension_name: str
    settings: str  # JSON
    protected: str | None = field(repr=False)  # JSON, sealed; gone once it is over
    consent_id: str | None
    operation_id: str | None
    account_id: str  # who asked, or proposed
    requested_by: str
    decided_by: str | None  # who approved or declined a proposal, or cancelled
    requested_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    steps: str  # JSON: a list of steps, secrets taken out
    error_code: str | None
    message: str
    note: str = ""  # an operator's words about their proposal


class RecoveryActions:
    """The recovery actions of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, action: RecoveryAction) -> None:
        await self._connection.execute(insert(recovery_actions).values(_columns(action)))

    async def get(self, action_id: str) -> RecoveryAction | None:
        row = select(recovery_actions).where(recovery_actions.c.id == action_id)
        return await one(self._connection, row, _action)

    async def update(self, action: RecoveryAction) -> None:
        """Write `action` over the row with its id."""
        row = update(recovery_actions).where(recovery_actions.c.id == action.id)
        await self._connection.execute(row.values(_columns(action)))

    async def in_states(
        self,
        states: Collection[ActionState],
        *,
        node: str | None = None,
        consent_id: str | None = None,
        vm_key: str | None = None,
    ) -> tuple[RecoveryAction, ...]:
        """Return those in one of `states`, the oldest first."""
        rows = recovery_actions.c
        chosen: list[ColumnElement[bool]] = [rows.state.in_([state.value for state in states])]
        if node is not None:
            chosen.append(rows.node == node)
        if consent_id is not None:
            chosen.append(rows.consent_id == consent_id)
        if vm_key is not None:
            chosen.append(rows.vm_key == vm_key.lower())
        found = select(recovery_actions).where(*chosen).order_by(rows.requested_at, rows.id)
        return await many(self._connection, found, _action)

    async def of_operation(self, operation_id: str) -> tuple[RecoveryAction, ...]:
        """Return the actions that an operation consists of, the oldest first."""
        rows = recovery_actions.c
        found = select(recovery_actions).where(rows.operation_id == operation_id)
        return await many(self._connection, found.order_by(rows.requested_at, rows.id), _action)

    async def history(
        self,
        limit: int,
        *,
        vm_key: str | None = None,
        consent_id: str | None = None,
        subscription_ids: Collection[str] | None = None,
        node: str | None = None,
        with_consent: bool = False,
        before: RecoveryAction | None = None,
    ) -> tuple[RecoveryAction, ...]:
        """Return at most `limit` actions, newest first, that come after `before`.

        `with_consent`: those alone that were asked for under a consent.
        """
        rows = recovery_actions.c
        chosen: list[ColumnElement[bool]] = []
        if vm_key is not None:
            chosen.append(rows.vm_key == vm_key.lower())
        if consent_id is not None:
            chosen.append(rows.consent_id == consent_id)
        if subscription_ids is not None:
            chosen.append(rows.subscription_id.in_([each.lower() for each in subscription_ids]))
        if node is not None:
            chosen.append(rows.node == node)
        if with_consent:
            chosen.append(rows.consent_id.is_not(None))
        if before is not None:
            chosen.append(_earlier_than(before))
        newest = rows.requested_at.desc(), rows.id.desc()
        found = select(recovery_actions).where(*chosen).order_by(*newest).limit(limit)
        return await many(self._connection, found, _action)


def _earlier_than(action: RecoveryAction) -> ColumnElement[bool]:
    rows = recovery_actions.c
    same_moment = and_(rows.requested_at == action.requested_at, rows.id < action.id)
    return or_(rows.requested_at < action.requested_at, same_moment)


def _columns(action: RecoveryAction) -> dict[str, object]:
    return values_of(action) | {"state": action.state.value}


def _action(*, state: str, **columns: object) -> RecoveryAction:
    return RecoveryAction(state=ActionState(state), **columns)  # type: ignore[arg-type]
