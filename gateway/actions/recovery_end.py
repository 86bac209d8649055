"""How a recovery action ends: row, extension, log and audit record in one commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.actions.asking import announce, handler_named, settle_extension
from gateway.actions.recording import GATEWAY, Act, deciding
from gateway.actions.services import Services
from gateway.actions.steps import StepState, closed, from_text, to_text
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.recovery import logs
from gateway.recovery.catalogue import Failure
from gateway.recovery.plan import Success
from gateway.store import LogLine, RecoveryAction


async def end_action(  # noqa: PLR0917
    s: Services,
    action_id: str,
    state: ActionState,
    outcome: Success | Failure,
    now: datetime,
    lines: Iterable[logs.LogLine] = (),
) -> None:
    """Note that an action is over; nothing where it is over already. `lines` go to its log.

    Raises: StoreUnavailable.
    """
    async with (
        deciding(s, GATEWAY, Act.END_RECOVERY, now=now) as d,
        d.unit() as unit,
    ):
        action = await unit.recovery_actions.get(action_id)
        if action is None or action.state not in OPEN_STATES:
            d.drop()  # cancelled meanwhile
            return
        running: StepState = "unknown" if state is ActionState.UNKNOWN else "failed"
        over = replace(
            action,
            state=state,
            protected=None,
            ended_at=now,
            steps=to_text(closed(from_text(action.steps), running, now)),
            error_code=outcome.code if isinstance(outcome, Failure) else None,
            message=outcome.message,
        )
        await unit.recovery_actions.update(over)
        await settle_extension(unit, over, now)
        await unit.agent_logs.add(log_rows(over, (*lines, *logs.ended(outcome, now))))
        d.target = action.resource_id
        d.note(action=action.id, kind=action.kind, state=state.value, error=over.error_code)
        announce(d, over)


def log_rows(action: RecoveryAction, lines: Iterable[logs.LogLine]) -> Sequence[LogLine]:
    """Lines of an action's log as rows of its VM."""
    version = handler_named(action.handler).versions[-1]
    return [
        LogLine(action.vm_key, action.handler, version, line.file, line.at, line.text)
        for line in lines
    ]
