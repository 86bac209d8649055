"""How deployments look to Resource Manager's clients: without their templates and secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from gateway.api.arm.envelope import error_body, in_arm_words, moment
from gateway.deployment.progress import DeploymentState, Problem, Step, StepState
from gateway.deployment.resource_ids import Scope
from gateway.deployment.template import Request, Resource
from gateway.errors import ExtensionRefused
from gateway.store import Deployment

Json = dict[str, Any]

_STATES: Final = {
    DeploymentState.RUNNING: "Running",
    DeploymentState.CANCELING: "Canceling",
    DeploymentState.SUCCEEDED: "Succeeded",
    DeploymentState.FAILED: "Failed",
    DeploymentState.CANCELED: "Canceled",
}
_STEP_STATES: Final = {
    StepState.RUNNING: "Running",
    StepState.SUCCEEDED: "Succeeded",
    StepState.FAILED: "Failed",
    StepState.CANCELED: "Canceled",
}
_FAILED: Final = (
    "At least one resource deployment operation failed. Please list deployment operations for "
    "details. Please see https://aka.ms/arm-deployment-operations for usage details."
)


def of_deployment(deployment: Deployment, location: str, now: datetime) -> Json:
    """A deployment as it stands."""
    steps = deployment.steps
    properties: Json = {
        "provisioningState": state_of(deployment),
        "mode": deployment.mode,
        "correlationId": str(UUID(deployment.correlation_id)),
        "timestamp": moment(deployment.ended_at or deployment.started_at),
        "duration": _duration((deployment.ended_at or now) - deployment.started_at),
        "parameters": json.loads(deployment.parameters),
        "providers": _providers([step.type for step in steps], location),
        "dependencies": [_dependency(step, steps) for step in steps if step.needs],
        "outputResources": [{"id": step.id} for step in steps if step.state is StepState.SUCCEEDED],
    }
    if deployment.state is DeploymentState.SUCCEEDED:
        properties["outputs"] = json.loads(deployment.outputs)
    if (error := error_of(deployment)) is not None:
        properties["error"] = error
    return _resource(deployment.resource_id, deployment.name, properties)


def of_validated(resource_id: str, scope: Scope, request: Request, now: datetime) -> Json:
    """What validating a template answers: what it would deploy."""
    properties: Json = {
        "provisioningState": "Succeeded",
        "mode": request.mode,
        "timestamp": moment(now),
        "duration": "PT0S",
        "parameters": request.parameters,
        "providers": _providers([each.type for each in request.resources], scope.location),
        "dependencies": [
            _dependency(each, request.resources) for each in request.resources if each.needs
        ],
        "validatedResources": [{"id": each.id} for each in request.resources],
    }
    return _resource(resource_id, scope.deployment, properties)


def state_of(deployment: Deployment) -> str:
    return _STATES[deployment.state]


def error_of(deployment: Deployment) -> Json | None:
    """Why a deployment failed, each resource in its own words."""
    if deployment.state is not DeploymentState.FAILED:
        return None
    details = [_detail(step.problem) for step in deployment.steps if step.problem is not None]
    return {
        "code": "DeploymentFailed",
        "target": deployment.resource_id,
        "message": _FAILED,
        "details": details,
    }


def of_operation(deployment: Deployment, index: int, now: datetime) -> Json:
    """What became of one resource of a deployment; it has begun."""
    step = deployment.steps[index]
    started = step.started_at or deployment.started_at
    properties: Json = {
        "provisioningOperation": "Create",
        "provisioningState": _STEP_STATES[step.state],
        "timestamp": moment(step.ended_at or started),
        "duration": _duration((step.ended_at or now) - started),
        "trackingId": step.operation_id and str(UUID(step.operation_id)),
        "statusCode": _status_code(step),
        "targetResource": _target(step),
    }
    if step.problem is not None:
        properties["statusMessage"] = _status_message(step.problem)
    name = operation_name(deployment, index)
    return {
        "id": f"{deployment.resource_id}/operations/{name}",
        "operationId": name,
        "properties": properties,
    }


def operation_name(deployment: Deployment, index: int) -> str:
    """The id of the operation for a deployment's resource: the same whenever it is asked for."""
    return f"{UUID(deployment.id).hex[:24].upper()}{index:08X}"


def _detail(problem: Problem) -> Json:
    """One resource's failure within the deployment's.

    What was refused at once is shown as its whole answer, as text, under its status's name.
    """
    if not problem.at_once:
        return {"code": problem.code, "message": problem.message}
    answer = _status_message(problem)
    text = json.dumps(answer, indent=2, ensure_ascii=False).replace("\n", "\r\n")
    return {"code": _phrase(problem), "message": text}


def _status_message(problem: Problem) -> Json:
    if problem.at_once:
        refusal = ExtensionRefused(problem.code, problem.message, inner=problem.inner)
        return error_body(in_arm_words(refusal))
    return {
        "status": "Failed",
        "error": {"code": problem.code, "message": problem.message},
    }


def _phrase(problem: Problem) -> str:
    """The name of the status with which a resource was refused: BadRequest, Conflict …"""
    refusal = in_arm_words(ExtensionRefused(problem.code, problem.message))
    return refusal.status.phrase.replace(" ", "")


def _status_code(step: Step) -> str:
    if step.problem is None:
        return "OK" if step.state is StepState.SUCCEEDED else "Accepted"
    return _phrase(step.problem) if step.problem.at_once else "Conflict"


def _resource(resource_id: str, name: str, properties: Json) -> Json:
    return {
        "id": resource_id,
        "name": name,
        "type": "Microsoft.Resources/deployments",
        "properties": properties,
    }


def _providers(types: Sequence[str], location: str) -> list[Json]:
    """The providers of the resources, each type once."""
    found: dict[str, list[str]] = {}
    for full_type in types:
        namespace, _, kind = full_type.partition("/")
        kinds = found.setdefault(namespace, [])
        if kind not in kinds:
            kinds.append(kind)
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": kind, "locations": [location]} for kind in kinds],
        }
        for namespace, kinds in found.items()
    ]


def _dependency(one: Step | Resource, among: Sequence[Step | Resource]) -> Json:
    return {"dependsOn": [_target(among[need]) for need in one.needs], **_target(one)}


def _target(one: Step | Resource) -> Json:
    return {"id": one.id, "resourceType": one.type, "resourceName": one.name}


def _duration(span: timedelta) -> str:
    """ISO 8601, in seconds."""
    seconds = max(0.0, span.total_seconds())
    return f"PT{seconds:.3f}S".replace(".000", "")
