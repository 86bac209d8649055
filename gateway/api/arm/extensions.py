"""Extensions of VMs, those that are a scale set's instances included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.actions.extensions import (
    Applied,
    ExtensionView,
    apply_extension,
    list_extensions,
    patch_extension,
    remove_extension,
    see_extension,
)
from gateway.api.arm.envelope import ArmError, arm_json, arm_nothing, echoed, pick
from gateway.api.arm.extension_shapes import of_extension
from gateway.api.arm.machines import resource_not_found
from gateway.api.arm.operations import poll_here, result_here
from gateway.api.arm.routing import ArmCall, Route
from gateway.errors import NotFound
from gateway.recovery.extension import parse_extension

_COMPUTE: Final = (
    "/subscriptions/{subscription_id}/resourceGroups/{group}/providers/Microsoft.Compute"
)
_VMS: Final = (
    "virtualMachines/{vm}",
    "virtualMachineScaleSets/{scale_set}/virtualMachines/{vm}",
)


def routes() -> list[Route]:
    return [route for vm in _VMS for route in _routes_of(vm)]


def _routes_of(vm: str) -> list[Route]:
    every, one = f"{_COMPUTE}/{vm}/extensions", f"{_COMPUTE}/{vm}/extensions/{{extension}}"
    kind = "/".join(["Microsoft.Compute", *vm.split("/")[::2], "extensions"])
    return [
        Route("GET", every, show_all, "tenant", f"{kind}/read"),
        Route("GET", one, show, "tenant", f"{kind}/read"),
        Route("PUT", one, put, "tenant", f"{kind}/write"),
        Route("PATCH", one, patch, "tenant", f"{kind}/write"),
        Route("DELETE", one, remove, "tenant", f"{kind}/delete"),
    ]


async def show_all(call: ArmCall) -> web.Response:
    with _parent_named(call):
        views = await list_extensions(call.services, call.actor, resource_id=_vm_id(call))
    expanded = call.expands("instanceView")
    return arm_json({"value": [of_extension(view, expanded=expanded) for view in views]})


async def show(call: ArmCall) -> web.Response:
    with _missing_named(call):
        view = await see_extension(
            call.services, call.actor, resource_id=_vm_id(call), name=call.params["extension"]
        )
    return arm_json(of_extension(view, expanded=call.expands("instanceView")))


async def put(call: ArmCall) -> web.Response:
    """201 for a new one, else 200; the work goes on behind the operation that both name."""
    body = await call.body()
    check_location(call, pick(body, "location"))
    request = parse_extension(call.params["extension"], body, state=await _state(call))
    with _missing_named(call):
        applied = await apply_extension(
            call.services,
            call.actor,
            resource_id=_vm_id(call),
            request=request,
            location=call.location,
            now=call.now,
        )
    return _applied(call, applied)


async def patch(call: ArmCall) -> web.Response:
    with _missing_named(call):
        applied = await patch_extension(
            call.services,
            call.actor,
            resource_id=_vm_id(call),
            name=call.params["extension"],
            body=await call.body(),
            now=call.now,
        )
    return _applied(call, applied)


async def remove(call: ArmCall) -> web.Response:
    """202 and an operation; 204 where there is none of that name."""
    with _missing_named(call):
        removed = await remove_extension(
            call.services,
            call.actor,
            resource_id=_vm_id(call),
            name=call.params["extension"],
            now=call.now,
        )
    if removed is None:
        return arm_nothing(HTTPStatus.NO_CONTENT)
    return arm_nothing(HTTPStatus.ACCEPTED, result_here(call, removed.operation_id))


def check_location(call: ArmCall, location: object) -> None:
    """Raises: ArmError where a body names another region than this gateway's."""
    if location is None or str(location).replace(" ", "").lower() == call.location:
        return
    raise ArmError(
        HTTPStatus.BAD_REQUEST,
        "LocationNotAvailableForResourceType",
        f"The provided location '{echoed(str(location))}' is not available for resource type "
        f"'{call.route.action.rpartition('/')[0]}'. List of available regions for the resource "
        f"type is '{call.location}'.",
        target="location",
    )


def _applied(call: ArmCall, applied: Applied) -> web.Response:
    status = HTTPStatus.CREATED if applied.created else HTTPStatus.OK
    body = of_extension(ExtensionView(applied.extension, None))
    return arm_json(body, status, poll_here(call, applied.operation_id))


async def _state(call: ArmCall) -> str | None:
    """The provisioning state that a client may send back."""
    try:
        view = await see_extension(
            call.services, call.actor, resource_id=_vm_id(call), name=call.params["extension"]
        )
    except NotFound:
        return None
    return view.extension.provisioning_state


def _vm_id(call: ArmCall) -> str:
    return call.path.rsplit("/", 2 if "extension" in call.params else 1)[0]


@contextmanager
def _parent_named(call: ArmCall) -> Iterator[None]:
    """Say in Resource Manager's words that there is no such VM."""
    try:
        yield
    except NotFound:
        kind, _, verb = call.route.action.removeprefix("Microsoft.Compute/").rpartition("/")
        raise ArmError(
            HTTPStatus.NOT_FOUND,
            "ParentResourceNotFound",
            f"Failed to perform '{verb}' on resource(s) of type '{kind}', because the parent "
            f"resource '{echoed(_vm_id(call))}' could not be found.",
        ) from None


@contextmanager
def _missing_named(call: ArmCall) -> Iterator[None]:
    """Say in Resource Manager's words what there is none of: the VM, or its extension."""
    if call.services.vm(_vm_id(call)) is None:
        with _parent_named(call):
            yield
        return
    try:
        yield
    except NotFound:
        # What stands below `/subscriptions/S/resourceGroups/G/providers/`.
        raise resource_not_found(call, call.path.split("/", 6)[6]) from None
