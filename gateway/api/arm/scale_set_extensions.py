"""The extensions of a scale set, one at a time. Its instances take them over when upgraded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.actions.scale_set_extensions import (
    Written,
    list_set_extensions,
    patch_set_extension,
    put_set_extension,
    remove_set_extension,
    see_set_extension,
)
from gateway.api.arm.envelope import arm_json, arm_nothing
from gateway.api.arm.extension_shapes import of_set_extension
from gateway.api.arm.routing import ArmCall, Route
from gateway.api.arm.scale_sets import set_id, set_named

_EVERY: Final = (
    "/subscriptions/{subscription_id}/resourceGroups/{group}/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/{scale_set}/extensions"
)
_ONE: Final = f"{_EVERY}/{{extension}}"


def routes() -> list[Route]:
    kind = "Microsoft.Compute/virtualMachineScaleSets/extensions"
    return [
        Route("GET", _EVERY, show_all, "tenant", f"{kind}/read"),
        Route("GET", _ONE, show, "tenant", f"{kind}/read"),
        Route("PUT", _ONE, put, "tenant", f"{kind}/write"),
        Route("PATCH", _ONE, patch, "tenant", f"{kind}/write"),
        Route("DELETE", _ONE, remove, "tenant", f"{kind}/delete"),
    ]


async def show_all(call: ArmCall) -> web.Response:
    with set_named(call):
        found = await list_set_extensions(
            call.services, call.actor, resource_id=set_id(call), location=call.location
        )
    return arm_json({"value": [of_set_extension(extension) for extension in found]})


async def show(call: ArmCall) -> web.Response:
    with set_named(call):
        found = await see_set_extension(call.services, call.actor, **_named(call))
    return arm_json(of_set_extension(found))


async def put(call: ArmCall) -> web.Response:
    """201 for a new one, else 200. It is done with the answer: no instance changes by it."""
    return await _write(call, put_set_extension)


async def patch(call: ArmCall) -> web.Response:
    return await _write(call, patch_set_extension)


async def _write(call: ArmCall, write: Callable[..., Awaitable[Written]]) -> web.Response:
    with set_named(call):
        written = await write(
            call.services, call.actor, **_named(call), body=await call.body(), now=call.now
        )
    status = HTTPStatus.CREATED if written.created else HTTPStatus.OK
    return arm_json(of_set_extension(written.extension), status)


async def remove(call: ArmCall) -> web.Response:
    """200; 204 where there is none of that name."""
    with set_named(call):
        removed = await remove_set_extension(
            call.services, call.actor, **_named(call), now=call.now
        )
    return arm_nothing(HTTPStatus.OK if removed else HTTPStatus.NO_CONTENT)


def _named(call: ArmCall) -> dict[str, Any]:
    return {
        "resource_id": set_id(call),
        "name": call.params["extension"],
        "location": call.location,
    }
