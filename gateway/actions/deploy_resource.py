"""One resource of a deployment: handed to the action that writes it alone, too.

So a template may do nothing that its tenant may not do directly, and every write has its record.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.actions.extensions import apply_extension, visible_vm
from gateway.actions.scale_set_extensions import put_set_extension
from gateway.actions.scale_sets import put_scale_set
from gateway.actions.services import Services
from gateway.deployment.progress import Problem, Step, StepState
from gateway.deployment.resources import SCALE_SET, SCALE_SET_EXTENSION, VM, VM_EXTENSION
from gateway.errors import (
    ExtensionRefused,
    GatewayError,
    InvalidInput,
    NotFound,
    Refused,
    StoreUnavailable,
)
from gateway.policy.facts import Actor
from gateway.recovery.extension import parse_extension, pick


async def deploy_resource(
    s: Services,
    actor: Actor,
    step: Step,
    *,
    body: Mapping[str, Any],
    location: str,
    now: datetime,
) -> Step:
    """`step` as it stands once its resource was asked for: under way, there, or refused.

    To ask twice does no harm: the same request is the same operation. Raises: StoreUnavailable.
    """
    try:
        operation_id = await _written(s, actor, step, body, location, now)
    except StoreUnavailable:
        raise
    except GatewayError as refusal:
        return step.ended(StepState.FAILED, now, problem_of(refusal))
    if operation_id is not None:
        return step.begun(operation_id, now)
    return step.ended(StepState.SUCCEEDED, now)


def problem_of(refusal: GatewayError) -> Problem:
    """What Resource Manager calls a refusal by one of our actions."""
    match refusal:
        case ExtensionRefused():
            return Problem(refusal.code, refusal.reason, refusal.inner)
        case InvalidInput():
            return Problem("InvalidParameter", str(refusal))
        case NotFound():
            return Problem("ResourceNotFound", str(refusal))
        case Refused():
            return Problem("AuthorizationFailed", refusal.reason)
    return Problem("Conflict", str(refusal))


async def _written(  # noqa: PLR0917
    s: Services, actor: Actor, step: Step, body: Mapping[str, Any], location: str, now: datetime
) -> str | None:
    """Write the resource. The id of its operation; None where it is done at once."""
    parent_id, _, name = step.id.rpartition("/extensions/")
    match step.type:
        case _ if step.type == VM:
            visible_vm(s, actor, step.id)  # it is not made, it is there
        case _ if step.type == VM_EXTENSION:
            check_location(body, location)
            request = parse_extension(name, body)
            applied = await apply_extension(
                s, actor, resource_id=parent_id, request=request, location=location, now=now
            )
            return applied.operation_id
        case _ if step.type == SCALE_SET:
            await put_scale_set(
                s, actor, resource_id=step.id, body=body, location=location, now=now
            )
        case _ if step.type == SCALE_SET_EXTENSION:
            await put_set_extension(
                s, actor, resource_id=parent_id, name=name, body=body, location=location, now=now
            )
    return None


def check_location(body: Mapping[str, Any], location: str) -> None:
    """Raises: InvalidInput where a resource is to be in another region than this gateway's."""
    wanted = pick(body, "location")
    if wanted is not None and str(wanted).replace(" ", "").lower() != location:
        raise InvalidInput("location", f"this gateway's virtual machines are in '{location}'")
