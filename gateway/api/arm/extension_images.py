"""Which extensions there are: publishers, their types, and the versions of these.

`az vm extension set` without `--version` asks for all three. The answers are bare arrays.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.api.arm.envelope import ArmError, arm_json, echoed
from gateway.api.arm.routing import ArmCall, Route
from gateway.errors import InvalidInput
from gateway.recovery.handlers import HANDLERS, Handler, find_handler

_PUBLISHERS: Final = (
    "/subscriptions/{subscription_id}/providers/Microsoft.Compute/locations/{location}/publishers"
)
_TYPES: Final = f"{_PUBLISHERS}/{{publisher}}/artifacttypes/vmextension/types"
_VERSIONS: Final = f"{_TYPES}/{{type}}/versions"

# Resource Manager's query language has more; these are what `az vm extension image` sends.
_STARTS_WITH: Final = re.compile(r"startswith\(name,\s*'([0-9.]*)'\)", re.IGNORECASE | re.ASCII)
_ORDER: Final = re.compile(r"name( asc| desc)?", re.IGNORECASE | re.ASCII)


def routes() -> list[Route]:
    read = "Microsoft.Compute/locations/publishers"
    kinds = f"{read}/artifacttypes/types"
    return [
        Route("GET", _PUBLISHERS, list_publishers, "tenant", f"{read}/read"),
        Route("GET", _TYPES, list_types, "tenant", f"{kinds}/read"),
        Route("GET", _VERSIONS, list_versions, "tenant", f"{kinds}/versions/read"),
        Route("GET", f"{_VERSIONS}/{{version}}", show_version, "tenant", f"{kinds}/versions/read"),
    ]


async def list_publishers(call: ArmCall) -> web.Response:
    _check_location(call)
    names = sorted({handler.publisher for handler in HANDLERS})
    return arm_json([_item(call, name, f"/Publishers/{name}") for name in names])


async def list_types(call: ArmCall) -> web.Response:
    _check_location(call)
    publisher = call.params["publisher"].casefold()
    found = [handler for handler in HANDLERS if handler.publisher.casefold() == publisher]
    if not found:
        raise _not_found(f"publisher '{echoed(call.params['publisher'])}'")
    return arm_json([_item(call, handler.type, _place(handler)) for handler in found])


async def list_versions(call: ArmCall) -> web.Response:
    """Oldest first; `$filter`, `$orderby` and `$top` as `az vm extension image` uses them."""
    handler = _handler(call)
    versions = _chosen(call, handler.versions)
    return arm_json([_item(call, version, _place(handler, version)) for version in versions])


async def show_version(call: ArmCall) -> web.Response:
    handler = _handler(call)
    version = call.params["version"]
    if version not in handler.versions:
        raise _not_found(f"version '{echoed(version)}'")
    properties = {
        "operatingSystem": handler.os.capitalize(),
        "computeRole": "IaaS",
        "handlerSchema": "",
        "vmScaleSetEnabled": True,
        "supportsMultipleExtensions": False,
    }
    return arm_json(_item(call, version, _place(handler, version)) | {"properties": properties})


def _chosen(call: ArmCall, versions: tuple[str, ...]) -> list[str]:
    """The versions that the query asks for. Raises: InvalidInput for what it cannot say here."""
    chosen = list(versions)
    if wanted := call.query("$filter"):
        match = _STARTS_WITH.fullmatch(wanted)
        if match is None:
            raise InvalidInput("$filter", "only startswith(name,'…') is understood")
        chosen = [version for version in chosen if version.startswith(match[1])]
    if order := call.query("$orderby"):
        if not _ORDER.fullmatch(order):
            raise InvalidInput("$orderby", "only 'name', 'name asc' and 'name desc' are understood")
        chosen.sort(key=_number, reverse=order.lower().endswith(" desc"))
    if top := call.query("$top"):
        if not (top.isascii() and top.isdigit() and len(top) < 6):
            raise InvalidInput("$top", "it is not a number")
        chosen = chosen[: int(top)]
    return chosen


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _handler(call: ArmCall) -> Handler:
    _check_location(call)
    publisher, kind = call.params["publisher"], call.params["type"]
    handler = find_handler(publisher, kind)
    if handler is None:
        raise _not_found(f"publisher '{echoed(publisher)}' and type '{echoed(kind)}'")
    return handler


def _check_location(call: ArmCall) -> None:
    """Raises: ArmError for any region but this gateway's."""
    wanted = call.params["location"]
    if wanted.replace(" ", "").lower() != call.location:
        raise ArmError(
            HTTPStatus.NOT_FOUND,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for location '{echoed(wanted)}'. "
            f"The supported locations are '{call.location}'.",
        )


def _not_found(what: str) -> ArmError:
    return ArmError(
        HTTPStatus.NOT_FOUND, "NotFound", f"Artifact: VMExtension, {what} was not found."
    )


def _place(handler: Handler, version: str | None = None) -> str:
    place = f"/Publishers/{handler.publisher}/ArtifactTypes/VMExtension/Types/{handler.type}"
    return place if version is None else f"{place}/Versions/{version}"


def _item(call: ArmCall, name: str, place: str) -> dict[str, Any]:
    subscription = call.params["subscription_id"]
    scope = f"/Subscriptions/{subscription}/Providers/Microsoft.Compute/Locations/{call.location}"
    return {"id": scope + place, "name": name, "location": call.location}
