"""Carries recovery actions out, and says what became of those that a restart cut short.

requested → sent → done | failed | unknown
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from gateway.actions.errand import Errand
from gateway.actions.recovery_end import end_action
from gateway.actions.services import Services
from gateway.policy.recovery import OPEN_STATES, ActionState
from gateway.recovery.catalogue import NO_STATUS, PROVISIONING, Failure

RESTARTED: Final = Failure(
    NO_STATUS,
    "The gateway was restarted after the request was sent to the guest: the change may or may not "
    "have been made. It was not sent again.",
)
BROKEN: Final = Failure(PROVISIONING, "The gateway failed while it did this; its log says more.")


async def carry_out(s: Services, action_id: str) -> None:
    """Carry out a requested action of this node to its end. Others are left as they are.

    What goes wrong stands in the row. Raises: StoreUnavailable, before anything was sent.
    """
    async with s.store.reading() as unit:
        action = await unit.recovery_actions.get(action_id)
    if action is not None and action.state is ActionState.REQUESTED and action.node == s.node:
        await Errand(s, action).run()


async def settle_after_restart(s: Services, now: datetime) -> int:
    """Whatever this node had sent when it stopped: nobody knows. Return how many there were.

    What was requested and not sent is left to the queue. Raises: StoreUnavailable.
    """
    async with s.store.reading() as unit:
        sent = await unit.recovery_actions.in_states({ActionState.SENT}, node=s.node)
    for action in sent:
        await end_action(s, action.id, ActionState.UNKNOWN, RESTARTED, now)
    return len(sent)


async def give_up(s: Services, action_id: str, now: datetime) -> None:
    """After a fault of ours: failed, or unknown where it was sent. Raises: StoreUnavailable."""
    async with s.store.reading() as unit:
        action = await unit.recovery_actions.get(action_id)
    if action is not None and action.state in OPEN_STATES:
        sent = action.state is ActionState.SENT
        await end_action(
            s, action_id, ActionState.UNKNOWN if sent else ActionState.FAILED, BROKEN, now
        )
