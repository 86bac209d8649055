"""How far a deployment has come: the state of each resource, and what follows from them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.deployment.template import Resource


class DeploymentState(StrEnum):
    RUNNING = "running"
    CANCELING = "canceling"  # nothing new is begun; what has begun goes on to its end
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


ACTIVE = frozenset({DeploymentState.RUNNING, DeploymentState.CANCELING})


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a resource was not deployed. `at_once`: it was refused before anything was begun."""

    code: str
    message: str
    inner: str | None = None
    at_once: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One resource of a deployment, and how it stands. It holds no secret."""

    id: str
    type: str
    name: str
    needs: tuple[int, ...]
    state: StepState = StepState.WAITING
    operation_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    problem: Problem | None = None

    def begun(self, operation_id: str, now: datetime) -> Step:
        return replace(self, state=StepState.RUNNING, operation_id=operation_id, started_at=now)

    def ended(self, state: StepState, now: datetime, problem: Problem | None = None) -> Step:
        return replace(
            self, state=state, started_at=self.started_at or now, ended_at=now, problem=problem
        )


def first_steps(resources: Sequence[Resource]) -> tuple[Step, ...]:
    """Every resource, waiting for its turn."""
    return tuple(Step(each.id, each.type, each.name, each.needs) for each in resources)


def ready(steps: Sequence[Step]) -> list[int]:
    """The resources whose turn it is: all that they need is there."""
    return [
        index
        for index, step in enumerate(steps)
        if step.state is StepState.WAITING
        and all(steps[need].state is StepState.SUCCEEDED for need in step.needs)
    ]


def under_way(steps: Sequence[Step]) -> list[int]:
    return [index for index, step in enumerate(steps) if step.state is StepState.RUNNING]


def state_after(state: DeploymentState, steps: Sequence[Step]) -> DeploymentState:
    """What the deployment has come to. What waits for something that failed is never begun."""
    if state not in ACTIVE or under_way(steps):
        return state
    if state is DeploymentState.CANCELING:
        return DeploymentState.CANCELED
    if ready(steps):
        return state
    if all(step.state is StepState.SUCCEEDED for step in steps):
        return DeploymentState.SUCCEEDED
    return DeploymentState.FAILED


def steps_to_json(steps: Sequence[Step]) -> str:
    return json.dumps([_to_json(step) for step in steps])


def steps_from_json(text: str) -> tuple[Step, ...]:
    """What `steps_to_json` wrote."""
    return tuple(_from_json(each) for each in json.loads(text))


def _to_json(step: Step) -> dict[str, Any]:
    problem = step.problem
    return {
        "id": step.id,
        "type": step.type,
        "name": step.name,
        "needs": list(step.needs),
        "state": step.state.value,
        "operation_id": step.operation_id,
        "started_at": step.started_at and step.started_at.isoformat(),
        "ended_at": step.ended_at and step.ended_at.isoformat(),
        "problem": problem
        and {
            "code": problem.code,
            "message": problem.message,
            "inner": problem.inner,
            "at_once": problem.at_once,
        },
    }


def _from_json(said: dict[str, Any]) -> Step:
    return Step(
        id=said["id"],
        type=said["type"],
        name=said["name"],
        needs=tuple(said["needs"]),
        state=StepState(said["state"]),
        operation_id=said["operation_id"],
        started_at=_moment(said["started_at"]),
        ended_at=_moment(said["ended_at"]),
        problem=Problem(**said["problem"]) if said["problem"] else None,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
