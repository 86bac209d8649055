"""Template deployments to a resource group, as `az deployment group` and its kin ask for them."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.actions.deployments import (
    cancel_deployment,
    check_deployment,
    deployment_id,
    list_deployments,
    remove_deployment,
    see_deployment,
    start_deployment,
)
from gateway.api.arm.deployment_shapes import (
    error_of,
    of_deployment,
    of_operation,
    of_validated,
    operation_name,
    state_of,
)
from gateway.api.arm.envelope import ArmError, arm_json, arm_nothing, echoed, well_formed_guid
from gateway.api.arm.operations import RETRY_AFTER
from gateway.api.arm.resource_groups import find_group
from gateway.api.arm.routing import ArmCall, Route
from gateway.deployment.jsonc import read_jsonc
from gateway.deployment.progress import StepState
from gateway.deployment.resource_ids import Scope
from gateway.deployment.template import Request, read_request
from gateway.errors import DeploymentRefused, NotFound
from gateway.identity.directory import tenant_id
from gateway.store import Deployment, new_id

MAX_TEMPLATE: Final = 512 * 1024  # bytes of a request's body

_GROUP: Final = "/subscriptions/{subscription_id}/resourceGroups/{group}"
_ALL: Final = f"{_GROUP}/providers/Microsoft.Resources/deployments"
_ONE: Final = f"{_ALL}/{{deployment}}"
# `az deployment operation group list` leaves the provider out.
_SHORT: Final = f"{_GROUP}/deployments/{{deployment}}"
_NAME: Final = re.compile(r"[A-Za-z0-9_.()-]{1,64}")
_FILTER: Final = re.compile(r"\s*provisioningState\s+eq\s+'([A-Za-z]{1,32})'\s*", re.IGNORECASE)


def routes() -> list[Route]:
    kind = "Microsoft.Resources/deployments"
    read, operations = f"{kind}/read", f"{kind}/operations/read"
    statuses = f"{kind}/operationstatuses/read"
    put = Route("PUT", _ONE, deploy, "tenant", f"{kind}/write", MAX_TEMPLATE)
    check = Route(
        "POST", f"{_ONE}/validate", validate, "tenant", f"{kind}/validate/action", MAX_TEMPLATE
    )
    return [
        Route("GET", _ALL, show_all, "tenant", read),
        put,
        Route("GET", _ONE, show, "tenant", read),
        Route("HEAD", _ONE, probe, "tenant", read),
        Route("DELETE", _ONE, remove, "tenant", f"{kind}/delete"),
        check,
        Route("POST", f"{_ONE}/cancel", cancel, "tenant", f"{kind}/cancel/action"),
        Route("GET", f"{_ONE}/operationStatuses/{{status}}", show_status, "tenant", statuses),
        *(
            route
            for one in (_ONE, _SHORT)
            for route in (
                Route("GET", f"{one}/operations", show_operations, "tenant", operations),
                Route(
                    "GET", f"{one}/operations/{{operation}}", show_operation, "tenant", operations
                ),
            )
        ),
    ]


async def validate(call: ArmCall) -> web.Response:
    """What the template would deploy; nothing is done."""
    scope, request = await _read(call)
    check_deployment(call.services, call.actor, scope=scope, request=request)
    return arm_json(of_validated(deployment_id(scope), scope, request, call.now))


async def deploy(call: ArmCall) -> web.Response:
    """201 for a new name, else 200; the work goes on behind the operation that both name."""
    scope, request = await _read(call)
    correlation = well_formed_guid(call.request.headers.get("x-ms-correlation-request-id"))
    started = await start_deployment(
        call.services,
        call.actor,
        scope=scope,
        request=request,
        correlation_id=(correlation or new_id()).replace("-", "").lower(),
        now=call.now,
    )
    status = HTTPStatus.CREATED if started.created else HTTPStatus.OK
    found = started.deployment
    poll = f"{call.base}{found.resource_id}/operationStatuses/{found.id}"
    headers = {"Azure-AsyncOperation": f"{poll}?api-version={call.api_version}"} | RETRY_AFTER
    return arm_json(of_deployment(found, call.location, call.now), status, headers)


async def show_all(call: ArmCall) -> web.Response:
    """Newest first; `$filter` knows `provisioningState eq '…'`, and `$top` how many."""
    scope = _scope(call, "x")
    found = await list_deployments(call.services, call.actor, scope.group_id)
    wanted = _wanted_state(call)
    kept = [each for each in found if wanted in (None, state_of(each).lower())][: _top(call)]
    return arm_json({"value": [of_deployment(each, call.location, call.now) for each in kept]})


async def show(call: ArmCall) -> web.Response:
    return arm_json(of_deployment(await _found(call), call.location, call.now))


async def probe(call: ArmCall) -> web.Response:
    """204 where it is there."""
    await _found(call)
    return arm_nothing(HTTPStatus.NO_CONTENT)


async def remove(call: ArmCall) -> web.Response:
    """204: forgotten, or never there. What it deployed stays."""
    await remove_deployment(call.services, call.actor, resource_id=_id(call), now=call.now)
    return arm_nothing(HTTPStatus.NO_CONTENT)


async def cancel(call: ArmCall) -> web.Response:
    try:
        await cancel_deployment(call.services, call.actor, resource_id=_id(call), now=call.now)
    except NotFound:
        raise _not_found(call) from None
    return arm_nothing(HTTPStatus.NO_CONTENT)


async def show_status(call: ArmCall) -> web.Response:
    """200 always: another status would say that the state cannot be read."""
    found = await _found(call)
    if found.id != call.params["status"].replace("-", "").lower():
        raise ArmError(
            HTTPStatus.NOT_FOUND,
            "DeploymentOperationStatusNotFound",
            "There is no such operation; the deployment was begun anew since.",
        )
    body: dict[str, Any] = {"status": state_of(found)}
    if (error := error_of(found)) is not None:
        body["error"] = error
    return arm_json(body, headers=RETRY_AFTER if found.active else {})


async def show_operations(call: ArmCall) -> web.Response:
    """One for each resource that has begun."""
    found = await _found(call)
    shown = [of_operation(found, index, call.now) for index in _begun(found)]
    return arm_json({"value": shown[: _top(call)]})


async def show_operation(call: ArmCall) -> web.Response:
    found = await _found(call)
    for index in _begun(found):
        if operation_name(found, index) == call.params["operation"].upper():
            return arm_json(of_operation(found, index, call.now))
    raise ArmError(
        HTTPStatus.NOT_FOUND,
        "DeploymentOperationNotFound",
        f"Deployment operation '{echoed(call.params['operation'])}' could not be found.",
    )


async def _read(call: ArmCall) -> tuple[Scope, Request]:
    """The deployment that the body asks for. Raises: ArmError, DeploymentRefused."""
    scope = _scope(call, call.params["deployment"])
    # In a thread: a large template takes longer to read than anybody else should wait.
    return scope, await asyncio.to_thread(_parsed, call.raw, scope)


def _parsed(raw: bytes, scope: Scope) -> Request:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise DeploymentRefused(
            "InvalidRequestContent", "The request content was invalid: it is not UTF-8."
        ) from None
    body = read_jsonc(text)
    if not isinstance(body, dict):
        raise DeploymentRefused(
            "InvalidRequestContent", "The request content was invalid: it is not a JSON object."
        )
    return read_request(body, scope)


def _scope(call: ArmCall, name: str) -> Scope:
    """Raises: ArmError."""
    if not _NAME.fullmatch(name):
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "InvalidDeploymentName",
            f"The provided deployment name '{echoed(name)}' is not valid. A deployment name has "
            "1 to 64 letters, digits, '-', '_', '.', '(' and ')'.",
        )
    return Scope(
        subscription_id=call.params["subscription_id"].lower(),
        group=find_group(call),
        location=call.location,
        deployment=name,
        tenant_id=tenant_id(call.services.public_base),
    )


def _id(call: ArmCall) -> str:
    return deployment_id(_scope(call, call.params["deployment"]))


async def _found(call: ArmCall) -> Deployment:
    """Raises: ArmError."""
    try:
        return await see_deployment(call.services, call.actor, _id(call))
    except NotFound:
        raise _not_found(call) from None


def _not_found(call: ArmCall) -> ArmError:
    return ArmError(
        HTTPStatus.NOT_FOUND,
        "DeploymentNotFound",
        f"Deployment '{echoed(call.params['deployment'])}' could not be found.",
    )


def _begun(deployment: Deployment) -> list[int]:
    steps = enumerate(deployment.steps)
    return [index for index, step in steps if step.state is not StepState.WAITING]


def _wanted_state(call: ArmCall) -> str | None:
    """The state that `$filter` asks for, in lower case. Raises: ArmError."""
    asked = call.query("$filter")
    if asked is None:
        return None
    found = _FILTER.fullmatch(asked)
    if found is None:
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "InvalidFilterInQueryString",
            "Invalid $filter: only provisioningState eq '{state}' is supported.",
        )
    return found[1].lower()


def _top(call: ArmCall) -> int | None:
    asked = call.query("$top")
    if asked is None:
        return None
    if not asked.isascii() or not asked.isdigit() or len(asked) > 9 or int(asked) == 0:
        raise ArmError(HTTPStatus.BAD_REQUEST, "InvalidTop", "Invalid $top: a number from 1.")
    return int(asked)
