"""Template deployments: begun by a tenant, carried out by `advance_deployment`, ended by both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from gateway.actions.extensions import visible_vm
from gateway.actions.recording import Act, deciding
from gateway.actions.scale_set_rows import seen_members
from gateway.actions.services import Services
from gateway.bus import DeploymentChanged
from gateway.deployment.progress import (
    DeploymentState,
    first_steps,
    state_after,
    steps_to_json,
)
from gateway.deployment.resource_ids import Scope
from gateway.deployment.resources import SCALE_SET, VM
from gateway.deployment.template import Request, Resource
from gateway.errors import Conflict, DeploymentRefused, NotFound
from gateway.policy.facts import Actor, Role
from gateway.policy.recovery import NOT_A_TENANT
from gateway.policy.verdict import Deny, unless
from gateway.store import Deployment, Unit, new_id

NO_SUCH_DEPLOYMENT: Final = Deny("NoSuchDeployment", "there is no such deployment", hidden=True)
MOST_KEPT: Final = 800  # deployments of a resource group, as in Azure: then the oldest go
MOST_RUNNING: Final = 100  # of a resource group, at a time: each keeps all that it has yet to write


@dataclass(frozen=True, slots=True)
class Started:
    """What came of asking for a deployment."""

    deployment: Deployment
    created: bool  # there was none of that name before


@dataclass(frozen=True, slots=True)
class Pending:
    """What a deployment that is not over keeps sealed: what to write, and in whose name."""

    location: str
    address: str  # the tenant's workstation
    sign_in_id: str
    bodies: Sequence[Mapping[str, Any]] = field(repr=False)  # by step; they hold secrets


def deployment_id(scope: Scope) -> str:
    """The resource id of the deployment that `scope` names."""
    return f"{scope.group_id}/providers/Microsoft.Resources/deployments/{scope.deployment}"


def check_deployment(s: Services, actor: Actor, *, scope: Scope, request: Request) -> None:
    """Make sure that everything a template builds on is there, and the actor's.

    Raises: DeploymentRefused (ResourceNotFound).
    """
    for resource in request.resources:
        top = VM if resource.type.startswith(f"{VM}/") or resource.type == VM else SCALE_SET
        name = resource.name.partition("/")[0]
        wanted = scope.id_of(top, name)
        try:
            if top == VM:
                visible_vm(s, actor, wanted)
            else:
                seen_members(s, actor, wanted, scope.location)
        except NotFound:
            raise DeploymentRefused(
                "ResourceNotFound",
                f"The Resource '{top}/{name}' under resource group '{scope.group}' was not found. "
                "This gateway makes neither virtual machines nor scale sets: a template may name "
                "those that are there. For more details please go to "
                "https://aka.ms/ARMResourceNotFoundFix",
            ) from None


async def start_deployment(
    s: Services,
    actor: Actor,
    *,
    scope: Scope,
    request: Request,
    correlation_id: str,
    now: datetime,
) -> Started:
    """Begin a deployment; one of that name that is over gives way to it.

    The same request again, while it runs, is the same deployment: clients repeat what they got no
    answer to. Raises: Refused, Conflict (too many run), DeploymentRefused (ResourceNotFound,
    DeploymentActive).
    """
    target = deployment_id(scope)
    async with deciding(s, actor, Act.START_DEPLOYMENT, target=target, now=now) as d:
        d.require(unless(actor.role is not Role.TENANT, NOT_A_TENANT))
        check_deployment(s, actor, scope=scope, request=request)
        async with d.unit() as unit:
            existing = await unit.deployments.get(target)
            if existing is not None and existing.active:
                if not _same(s, existing, request):
                    raise _still_active(existing)
                d.note(deployment=existing.id, existing=True)
                return Started(existing, created=False)
            others = await unit.deployments.below(scope.group_id)
            if MOST_RUNNING <= sum(each.active for each in others):
                raise Conflict("too many deployments run in this resource group")
            if existing is not None:
                await unit.deployments.remove(existing.id)
            await _make_room(unit, [each for each in others if each != existing])
            fresh = _new(s, actor, scope, request, correlation_id, now)
            await unit.deployments.add(fresh)
            d.note(deployment=fresh.id, resources=len(request.resources))
            d.publish(DeploymentChanged(fresh.id))
            return Started(fresh, created=existing is None)


async def cancel_deployment(
    s: Services, actor: Actor, *, resource_id: str, now: datetime
) -> Deployment:
    """Begin none of its resources any more; those that have begun go on to their end.

    Raises: NotFound, Conflict where it is over.
    """
    async with (
        deciding(s, actor, Act.CANCEL_DEPLOYMENT, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        found = d.found(await own_deployment(unit, actor, resource_id), NO_SUCH_DEPLOYMENT)
        d.note(deployment=found.id)
        if not found.active:
            raise Conflict("the deployment is over: it cannot be cancelled")
        canceled = moved_on(replace(found, state=DeploymentState.CANCELING), {}, now)
        await unit.deployments.update(canceled)
        d.publish(DeploymentChanged(found.id))
        return canceled


async def remove_deployment(s: Services, actor: Actor, *, resource_id: str, now: datetime) -> bool:
    """Forget a deployment; what it deployed stays. False where there was none.

    Raises: Conflict while it runs.
    """
    async with (
        deciding(s, actor, Act.REMOVE_DEPLOYMENT, target=resource_id, now=now) as d,
        d.unit() as unit,
    ):
        found = await own_deployment(unit, actor, resource_id)
        if found is None:
            d.note(missing=True)
            return False
        if found.active:
            raise Conflict("the deployment is running: cancel it first")
        d.note(deployment=found.id)
        await unit.deployments.remove(found.id)
        return True


async def see_deployment(s: Services, actor: Actor, resource_id: str) -> Deployment:
    """Raises: NotFound, also for a deployment to somebody else's subscription."""
    async with s.store.reading() as unit:
        found = await own_deployment(unit, actor, resource_id)
    if found is None:
        raise NotFound(NO_SUCH_DEPLOYMENT.reason)
    return found


async def list_deployments(s: Services, actor: Actor, group_id: str) -> Sequence[Deployment]:
    """The deployments to a resource group, newest first."""
    async with s.store.reading() as unit:
        found = await unit.deployments.below(group_id)
    return [each for each in found if each.subscription_id in actor.subscriptions]


async def own_deployment(unit: Unit, actor: Actor, resource_id: str) -> Deployment | None:
    found = await unit.deployments.get(resource_id)
    return found if found and found.subscription_id in actor.subscriptions else None


def moved_on(deployment: Deployment, changes: Mapping[int, Any], now: datetime) -> Deployment:
    """`deployment` with some of its steps changed, and what follows: its end, perhaps.

    INVARIANT: what is over keeps no sealed settings.
    """
    steps = [changes.get(index, step) for index, step in enumerate(deployment.steps)]
    state = state_after(deployment.state, steps)
    moved = replace(deployment, resources=steps_to_json(steps), state=state)
    return moved if moved.active else replace(moved, pending=None, ended_at=now)


def pending_of(s: Services, deployment: Deployment) -> Pending:
    """What a deployment that is not over has yet to write."""
    assert deployment.pending is not None, "a deployment that is over has nothing pending"
    return Pending(**json.loads(s.identity.unseal(deployment.pending)))


def _new(  # noqa: PLR0917
    s: Services,
    actor: Actor,
    scope: Scope,
    request: Request,
    correlation_id: str,
    now: datetime,
) -> Deployment:
    pending = {
        "location": scope.location,
        "address": actor.address,
        "sign_in_id": actor.sign_in_id,
        "bodies": _bodies(request.resources),
    }
    return moved_on(
        Deployment(
            id=new_id(),
            resource_id=deployment_id(scope),
            subscription_id=scope.subscription_id.lower(),
            node=s.node,
            mode=request.mode,
            state=DeploymentState.RUNNING,
            parameters=json.dumps(request.parameters),
            outputs=json.dumps(request.outputs),
            resources=steps_to_json(first_steps(request.resources)),
            pending=s.identity.seal(json.dumps(pending)),
            correlation_id=correlation_id,
            account_id=actor.account_id,
            started_at=now,
        ),
        {},
        now,
    )


def _bodies(resources: Sequence[Resource]) -> list[dict[str, Any]]:
    return [resource.body for resource in resources]


def _same(s: Services, running: Deployment, request: Request) -> bool:
    """Whether `request` asks for what `running` does already."""
    steps = [(step.id.lower(), step.needs) for step in running.steps]
    return (
        steps == [(resource.id.lower(), resource.needs) for resource in request.resources]
        and json.loads(running.parameters) == request.parameters
        and json.loads(running.outputs) == request.outputs
        and pending_of(s, running).bodies == _bodies(request.resources)
    )


def _still_active(existing: Deployment) -> DeploymentRefused:
    began = existing.started_at.isoformat(timespec="seconds")
    return DeploymentRefused(
        "DeploymentActive",
        f"Unable to edit or replace deployment '{existing.name}': previous deployment from "
        f"'{began}' is still active. Please see https://aka.ms/arm-deploy for usage details.",
    )


async def _make_room(unit: Unit, others: Sequence[Deployment]) -> None:
    """Forget the oldest deployments that are over, where one more would be too many.

    `others`: of the same resource group, newest first.
    """
    for old in others[MOST_KEPT - 1 :]:
        if not old.active:
            await unit.deployments.remove(old.id)
