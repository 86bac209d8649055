"""What an ARM client polls: how a long-running request stands, told by its actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.actions.inputs import known_id
from gateway.actions.services import Services
from gateway.errors import NotFound
from gateway.policy.facts import Actor
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.recovery.catalogue import Failure
from gateway.store import Operation, RecoveryAction

OperationStatus = Literal["InProgress", "Succeeded", "Failed", "Canceled"]


@dataclass(frozen=True, slots=True)
class OperationView:
    """One operation, and how it ended once it has."""

    id: str
    kind: str
    target: str
    status: OperationStatus
    started_at: datetime
    ended_at: datetime | None
    error: Failure | None


async def see_operation(s: Services, actor: Actor, operation_id: str) -> OperationView:
    """Raises: NotFound, also for an operation in somebody else's subscription."""
    async with s.store.reading() as unit:
        operation = await unit.operations.get(_plain(operation_id))
        actions = await unit.recovery_actions.of_operation(operation.id) if operation else ()
    if operation is None or operation.subscription_id not in actor.subscriptions:
        raise NotFound("there is no such operation")
    return view_of(operation, actions)


def view_of(operation: Operation, actions: Sequence[RecoveryAction]) -> OperationView:
    """How `operation` stands: it is over with its last action, and failed if one of them did."""
    over = all(action.state not in OPEN_STATES for action in actions)
    ends = [action.ended_at for action in actions if action.ended_at is not None]
    wrong = next((each for each in _WRONG for a in actions if a.state in each[0]), None)
    return OperationView(
        id=operation.id,
        kind=operation.kind,
        target=operation.target,
        status="InProgress" if not over else wrong[1] if wrong else "Succeeded",
        started_at=operation.started_at,
        ended_at=max((operation.started_at, *ends)) if over else None,
        error=_error(actions, wrong[0]) if over and wrong else None,
    )


_WRONG: tuple[tuple[frozenset[ActionState], OperationStatus], ...] = (
    (frozenset({ActionState.FAILED, ActionState.UNKNOWN}), "Failed"),
    (frozenset({ActionState.CANCELLED, ActionState.DECLINED}), "Canceled"),
)


def _error(actions: Sequence[RecoveryAction], states: frozenset[ActionState]) -> Failure:
    first = next(action for action in actions if action.state in states)
    return Failure(first.error_code or "VMExtensionProvisioningError", first.message)


def _plain(operation_id: str) -> str:
    """Ids are 32 digits here; clients may write the dashes of a GUID. What can be none is ''."""
    return known_id(operation_id.replace("-", "").lower()) or ""
