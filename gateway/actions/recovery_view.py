"""A recovery action as its reader may see it.

Who started, proposed or decided what is for everybody who sees the action; which account it was
about is the tenant's and the admin's; what was set is nobody's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from gateway.actions.finding import consent_of
from gateway.actions.inputs import known_id
from gateway.actions.recording import Decision
from gateway.actions.services import Services
from gateway.actions.steps import StepRecord, from_text, to_text
from gateway.policy.facts import Actor, Consent, Role
from gateway.policy.recovery import (
    NO_SUCH_ACTION,
    ActionState,
    may_cancel,
    may_decide,
    may_see_action,
)
from gateway.policy.verdict import Deny
from gateway.recovery.catalogue import next_step, outcome_unknown
from gateway.recovery.extension import pick
from gateway.store import RecoveryAction, Unit


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """One action, and what its reader can do.

    INVARIANT: `action` bears no settings; for an operator nothing in here names an account.
    """

    action: RecoveryAction
    steps: tuple[StepRecord, ...]
    next_step: str  # what people can do now; empty while there is nothing
    account: str | None  # None for operators, and where it is not known any more
    may_cancel: bool
    may_decide: bool


def view_for(
    s: Services, actor: Actor, action: RecoveryAction, consent: Consent | None, now: datetime
) -> RecoveryView:
    """`action` as `actor`, who may see it, sees it."""
    account = _account(action)
    hidden = actor.role is Role.CLOUDADMIN
    decides = consent is not None and not isinstance(may_decide(actor, action, consent, now), Deny)
    steps = from_text(action.steps)
    shown = tuple(map(_nameless, steps)) if hidden else steps
    return RecoveryView(
        action=replace(_without_settings(action, hidden=hidden), steps=to_text(shown)),
        steps=shown,
        next_step=_next_step(action),
        account=None if hidden else account,
        may_cancel=not isinstance(may_cancel(actor, action, consent, s.node), Deny),
        may_decide=decides,
    )


def _without_settings(action: RecoveryAction, *, hidden: bool) -> RecoveryAction:
    bare = replace(action, settings="{}", protected=None)
    if not hidden or action.state not in {ActionState.FAILED, ActionState.UNKNOWN}:
        return bare
    # A failure may name the account (E7), in the guest's words or ours.
    return replace(bare, message=_FAILED_FOR_OPERATORS[action.state])


_FAILED_FOR_OPERATORS: Final = {
    ActionState.FAILED: "It failed. The tenant can read why.",
    ActionState.UNKNOWN: "It was sent, and nobody can say whether it was done.",
}


def _nameless(step: StepRecord) -> StepRecord:
    """A step without what the guest said: that may name the account. Titles never do."""
    return replace(step, message="")


def _next_step(action: RecoveryAction) -> str:
    if action.state is ActionState.UNKNOWN:
        failure = outcome_unknown("")
        return next_step(failure.code, failure.message)
    if action.state is ActionState.FAILED:
        return next_step(action.error_code or "", action.message)
    return ""


def _account(action: RecoveryAction) -> str | None:
    name = pick(json.loads(action.settings), "username")
    return name if isinstance(name, str) else None


async def visible_action(
    s: Services, d: Decision, unit: Unit, actor: Actor, action_id: str
) -> tuple[RecoveryAction, Consent | None]:
    """Raises: NotFound, also for one that `actor` may not see."""
    known = known_id(action_id)
    found = await unit.recovery_actions.get(known) if known else None
    action = d.found(found, NO_SUCH_ACTION)
    d.target = action.resource_id
    d.note(action=action.id, kind=action.kind)
    consent = await consent_under(unit, action)
    d.require(may_see_action(actor, action, consent, s.node))
    return action, consent


async def consent_under(unit: Unit, action: RecoveryAction) -> Consent | None:
    return await consent_of(unit, action.consent_id) if action.consent_id else None
