"""Scale sets: whole, as `az vmss extension set` reads and writes them, and their instances."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.actions.scale_sets import (
    ScaleSetView,
    list_scale_sets,
    patch_scale_set,
    put_scale_set,
    see_scale_set,
)
from gateway.actions.upgrade_instances import (
    InstanceView,
    list_instances,
    see_instance,
    upgrade_instances,
)
from gateway.api.arm.envelope import arm_json, arm_nothing, pick
from gateway.api.arm.extension_shapes import Json
from gateway.api.arm.extensions import check_location
from gateway.api.arm.machines import resource_not_found
from gateway.api.arm.operations import result_here
from gateway.api.arm.routing import ArmCall, Route
from gateway.api.arm.scale_set_shapes import (
    of_instance,
    of_scale_set,
    of_set_state,
)
from gateway.api.arm.virtual_machines import instance_view_of
from gateway.errors import InvalidInput, NotFound

_SUBSCRIPTION: Final = "/subscriptions/{subscription_id}"
_GROUP: Final = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_SETS: Final = "providers/Microsoft.Compute/virtualMachineScaleSets"
_SET: Final = f"{_GROUP}/{_SETS}/{{scale_set}}"
_INSTANCE: Final = f"{_SET}/virtualMachines/{{vm}}"
_AT: Final = f"{_SUBSCRIPTION}/providers/Microsoft.Compute/locations/{{location}}"


def routes() -> list[Route]:
    kind = "Microsoft.Compute/virtualMachineScaleSets"
    read, write = f"{kind}/read", f"{kind}/write"
    upgrade = f"{kind}/manualUpgrade/action"
    instances = f"{kind}/virtualMachines"
    return [
        Route("GET", f"{_SUBSCRIPTION}/{_SETS}", show_all, "tenant", read),
        Route("GET", f"{_GROUP}/{_SETS}", show_all, "tenant", read),
        Route("GET", f"{_AT}/virtualMachineScaleSets", show_all, "tenant", read),
        Route("GET", _SET, show, "tenant", read),
        Route("PUT", _SET, put, "tenant", write),
        Route("PATCH", _SET, patch, "tenant", write),
        Route("GET", f"{_SET}/instanceView", show_state, "tenant", f"{kind}/instanceView/read"),
        Route("POST", f"{_SET}/manualupgrade", upgrade_some, "tenant", upgrade),
        Route("GET", f"{_SET}/virtualMachines", show_instances, "tenant", f"{instances}/read"),
        Route("GET", _INSTANCE, show_instance, "tenant", f"{instances}/read"),
        Route(
            "GET",
            f"{_INSTANCE}/instanceView",
            show_instance_state,
            "tenant",
            f"{instances}/instanceView/read",
        ),
    ]


async def show_all(call: ArmCall) -> web.Response:
    """Those of a subscription, of one of its resource groups, or of the one region there is."""
    check_location(call, call.params.get("location"))
    subscription, group = call.params["subscription_id"], call.params.get("group")
    scope = f"/subscriptions/{subscription}" + (f"/resourceGroups/{group}" if group else "")
    views = await list_scale_sets(call.services, call.actor, scope, location=call.location)
    return arm_json({"value": [of_scale_set(view) for view in views]})


async def show(call: ArmCall) -> web.Response:
    with set_named(call):
        view = await see_scale_set(call.services, call.actor, set_id(call), location=call.location)
    return arm_json(of_scale_set(view))


async def put(call: ArmCall) -> web.Response:
    """200 at once: the model is changed here, and the instances when they are upgraded."""
    return await _write(call, put_scale_set)


async def patch(call: ArmCall) -> web.Response:
    return await _write(call, patch_scale_set)


async def _write(call: ArmCall, write: Callable[..., Awaitable[ScaleSetView]]) -> web.Response:
    with set_named(call):
        view = await write(
            call.services,
            call.actor,
            resource_id=set_id(call),
            body=await call.body(),
            location=call.location,
            now=call.now,
        )
    return arm_json(of_scale_set(view))


async def show_state(call: ArmCall) -> web.Response:
    with set_named(call):
        instances = await list_instances(
            call.services, call.actor, set_id(call), location=call.location
        )
    return arm_json(of_set_state(instances))


async def upgrade_some(call: ArmCall) -> web.Response:
    """202 and one operation for all the instances that the body names."""
    wanted = _instance_ids(pick(await call.body(), "instanceIds"))
    with set_named(call):
        operation_id = await upgrade_instances(
            call.services,
            call.actor,
            resource_id=set_id(call),
            instance_ids=wanted,
            location=call.location,
            now=call.now,
        )
    return arm_nothing(HTTPStatus.ACCEPTED, result_here(call, operation_id))


async def show_instances(call: ArmCall) -> web.Response:
    with set_named(call):
        instances = await list_instances(
            call.services, call.actor, set_id(call), location=call.location
        )
    return arm_json({"value": await asyncio.gather(*(_shown(call, each) for each in instances))})


async def show_instance(call: ArmCall) -> web.Response:
    return arm_json(await _shown(call, await _instance(call)))


async def show_instance_state(call: ArmCall) -> web.Response:
    return arm_json(await _state(call, await _instance(call)))


async def _instance(call: ArmCall) -> InstanceView:
    with set_named(call):
        return await see_instance(
            call.services, call.actor, set_id(call), call.params["vm"], location=call.location
        )


async def _shown(call: ArmCall, instance: InstanceView) -> Json:
    state = await _state(call, instance) if call.expands("instanceView") else None
    return of_instance(instance, location=call.location, state=state)


async def _state(call: ArmCall, instance: InstanceView) -> Json:
    return await instance_view_of(call, instance.machine, instance.extensions)


def set_id(call: ArmCall) -> str:
    """The scale set's resource id, as the client writes it."""
    # "", subscriptions, S, resourceGroups, G, providers, Microsoft.Compute, type, name: nine.
    return "/".join(call.path.split("/")[:9])


@contextmanager
def set_named(call: ArmCall) -> Iterator[None]:
    """Say in Resource Manager's words what there is none of."""
    try:
        yield
    except NotFound:
        # What stands below `/subscriptions/S/resourceGroups/G/providers/`.
        raise resource_not_found(call, call.scope.split("/", 6)[6]) from None


def _instance_ids(value: Any) -> list[str]:
    """Raises: InvalidInput."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidInput("instanceIds", "it is not a list of texts")
    return value
