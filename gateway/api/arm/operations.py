"""What clients poll while something is done: an operation's state, and its result.

Source: resource-manager-rpc v1.0/async-api-reference.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from gateway.actions.extensions import PATCH, PUT, see_extension
from gateway.actions.operations import OperationView, see_operation
from gateway.api.arm.envelope import ArmError, arm_json, arm_nothing, moment
from gateway.api.arm.extension_shapes import of_extension
from gateway.api.arm.routing import ArmCall, Route
from gateway.errors import NotFound

# Clients wait 30 s between two looks where nobody tells them otherwise.
RETRY_AFTER: Final = {"Retry-After": "1"}

_LOCATION: Final = (
    "/subscriptions/{subscription_id}/providers/Microsoft.Compute/locations/{location}"
)
_ACTION: Final = "Microsoft.Compute/locations/operations/read"


def routes() -> list[Route]:
    state, result = f"{_LOCATION}/operations/{{id}}", f"{_LOCATION}/operationResults/{{id}}"
    return [
        Route("GET", state, show_state, "tenant", _ACTION),
        Route("GET", result, show_result, "tenant", _ACTION),
    ]


def poll_here(call: ArmCall, operation_id: str) -> dict[str, str]:
    """The headers of an answer whose work goes on. The addresses are absolute: clients that
    followed a relative one would ask the wrong host.
    """
    return {"Azure-AsyncOperation": _address(call, "operations", operation_id)} | RETRY_AFTER


def result_here(call: ArmCall, operation_id: str) -> dict[str, str]:
    """As `poll_here`, for an answer without a body: its result is to be had elsewhere."""
    result = {"Location": _address(call, "operationResults", operation_id)}
    return poll_here(call, operation_id) | result


async def show_state(call: ArmCall) -> web.Response:
    """200 always: another status would say that the state cannot be read."""
    view = await _operation(call)
    name = str(UUID(view.id))
    body: dict[str, Any] = {
        "id": _path(call, "operations", view.id),
        "name": name,
        "status": view.status,
        "startTime": moment(view.started_at),
    }
    if view.ended_at is not None:
        body["endTime"] = moment(view.ended_at)
    if view.error is not None:
        body["error"] = {"code": view.error.code, "message": view.error.message}
    return arm_json(body, headers=_while_running(view))


async def show_result(call: ArmCall) -> web.Response:
    """202 while it runs; then what the request would have been answered, had it been quick."""
    view = await _operation(call)
    if view.status == "InProgress":
        return arm_nothing(HTTPStatus.ACCEPTED, result_here(call, view.id))
    if view.error is not None:
        raise ArmError(HTTPStatus.CONFLICT, view.error.code, view.error.message)
    if view.kind not in {PUT, PATCH}:
        return arm_nothing(HTTPStatus.OK)
    resource_id, _, name = view.target.rpartition("/extensions/")
    found = await see_extension(call.services, call.actor, resource_id=resource_id, name=name)
    return arm_json(of_extension(found))


async def _operation(call: ArmCall) -> OperationView:
    """Raises: ArmError."""
    try:
        view = await see_operation(call.services, call.actor, call.params["id"])
    except NotFound:
        raise _not_found() from None
    mine = f"/subscriptions/{call.params['subscription_id'].lower()}/"
    if not view.target.lower().startswith(mine):
        raise _not_found()
    return view


def _not_found() -> ArmError:
    why = "There is no such operation in this location."
    return ArmError(HTTPStatus.NOT_FOUND, "ResourceNotFound", why)


def _while_running(view: OperationView) -> Mapping[str, str]:
    return RETRY_AFTER if view.status == "InProgress" else {}


def _path(call: ArmCall, kind: str, operation_id: str) -> str:
    subscription, name = call.params["subscription_id"].lower(), UUID(operation_id)
    place = f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{call.location}"
    return f"{place}/{kind}/{name}"


def _address(call: ArmCall, kind: str, operation_id: str) -> str:
    return f"{call.base}{_path(call, kind, operation_id)}?api-version={call.api_version}"
