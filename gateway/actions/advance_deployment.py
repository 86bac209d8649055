"""Carries a deployment on: looks what has ended, begins what is ready, says when it is over.

The row is the plan: whoever reads it can go on where another stopped, a restart included.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gateway.actions.authenticate import actor_of
from gateway.actions.deploy_resource import deploy_resource
from gateway.actions.deployments import moved_on, pending_of
from gateway.actions.operations import OperationView, view_of
from gateway.actions.recording import GATEWAY, Act, deciding
from gateway.actions.services import Services
from gateway.deployment.progress import DeploymentState, Problem, Step, StepState, ready, under_way
from gateway.policy.facts import Actor, Role
from gateway.store import Deployment, Unit

_LOST: Final = Problem("ResourceNotFound", "The record of what was begun is gone.", at_once=False)
_NO_LONGER: Final = Problem(
    "AuthorizationFailed", "The account that began this deployment may no longer do so."
)
_OUR_FAULT: Final = Problem(
    "InternalServerError", "The gateway failed while it deployed this; see its log."
)


async def advance_deployment(s: Services, deployment_id: str) -> None:
    """Do what can be done for it now. Raises: StoreUnavailable."""
    deployment = await _look(s, deployment_id)
    while deployment is not None and deployment.state is DeploymentState.RUNNING:
        waiting = ready(deployment.steps)
        if not waiting:
            return
        index = waiting[0]
        step = await _begin(s, deployment, index)
        deployment = await _note(s, deployment_id, {index: step})


async def give_up(s: Services, deployment_id: str) -> None:
    """After a fault of ours: nothing more is begun, and it says why. Raises: StoreUnavailable."""
    async with s.store.reading() as unit:
        deployment = await unit.deployments.by_id(deployment_id)
    if deployment is None or not deployment.active:
        return
    now = s.clock()
    over = {StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELED}
    changes = {
        index: step.ended(StepState.FAILED, now, _OUR_FAULT)
        for index, step in enumerate(deployment.steps)
        if step.state not in over
    }
    await _note(s, deployment_id, changes)


async def _begin(s: Services, deployment: Deployment, index: int) -> Step:
    step, now = deployment.steps[index], s.clock()
    pending = pending_of(s, deployment)
    actor = await _actor(s, deployment, pending.address, pending.sign_in_id)
    if actor is None:
        return step.ended(StepState.FAILED, now, _NO_LONGER)
    body, location = pending.bodies[index], pending.location
    return await deploy_resource(s, actor, step, body=body, location=location, now=now)


async def _actor(
    s: Services, deployment: Deployment, address: str, sign_in_id: str
) -> Actor | None:
    """Whoever began it, with the rights that they have by now; None where they have none."""
    async with s.store.reading() as unit:
        account = await unit.accounts.by_id(deployment.account_id)
    if account is None or account.disabled or account.role is not Role.TENANT:
        return None
    if deployment.subscription_id not in account.subscriptions:
        return None
    return actor_of(account, sign_in_id, address)


async def _look(s: Services, deployment_id: str) -> Deployment | None:
    """The deployment, with what has ended meanwhile noted."""
    async with s.store.reading() as unit:
        deployment = await unit.deployments.by_id(deployment_id)
        if deployment is None or not deployment.active:
            return None
        changes = await _ended(unit, deployment, s.clock())
    return await _note(s, deployment_id, changes) if changes else deployment


async def _ended(unit: Unit, deployment: Deployment, now: datetime) -> dict[int, Step]:
    """The steps under way whose operations are over, as they ended."""
    steps = deployment.steps
    return {
        index: ended
        for index in under_way(steps)
        if (ended := await _end_of(unit, steps[index], now)) is not None
    }


async def _end_of(unit: Unit, step: Step, now: datetime) -> Step | None:
    operation = await unit.operations.get(step.operation_id or "")
    if operation is None:
        return step.ended(StepState.FAILED, now, _LOST)
    view = view_of(operation, await unit.recovery_actions.of_operation(operation.id))
    if view.status == "InProgress":
        return None
    return step.ended(_STATES[view.status], view.ended_at or now, _problem(view))


_STATES: Final = {
    "Succeeded": StepState.SUCCEEDED,
    "Failed": StepState.FAILED,
    "Canceled": StepState.CANCELED,
}


def _problem(view: OperationView) -> Problem | None:
    if view.error is None:
        return None
    return Problem(view.error.code, view.error.message, at_once=False)


async def _note(s: Services, deployment_id: str, changes: Mapping[int, Step]) -> Deployment | None:
    """Write what has changed over the row as it is by now. None where it is gone."""
    now = s.clock()
    async with deciding(s, GATEWAY, Act.END_DEPLOYMENT, now=now) as d, d.unit() as unit:
        current = await unit.deployments.by_id(deployment_id)
        if current is None or not current.active:
            d.drop()
            return None
        moved = moved_on(current, changes, now)
        await unit.deployments.update(moved)
        if moved.active:
            d.drop()  # nothing is decided yet
        d.target = moved.resource_id
        d.note(deployment=moved.id, state=moved.state.value)
        return moved
