"""Where clients of this cloud find its authority: the first thing that they ask, signed in or not.

Shapes: `az cloud register` (2022-09-01) takes one object; Add-AzEnvironment (1.0, 2015-01-01) takes
an older one; the libraries between (2019-05-01, 2020-06-01) take an array.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from gateway.api.arm.envelope import arm_json
from gateway.api.arm.routing import ArmCall, Route
from gateway.edge import ArmEndpoint

_FIRST_ARRAY: Final = "2019-05-01"
_FIRST_OBJECT: Final = "2022-09-01"


def routes() -> list[Route]:
    return [Route("GET", "/metadata/endpoints", show_endpoints, "open", "metadata/read")]


async def show_endpoints(call: ArmCall) -> web.Response:
    version = call.api_version
    if version == "1.0" or version < _FIRST_ARRAY:
        return arm_json(_old_shape(call.endpoint))
    if version < _FIRST_OBJECT:
        return arm_json([_cloud(call.endpoint)])
    return arm_json(_cloud(call.endpoint))


def _authentication(endpoint: ArmEndpoint) -> dict[str, Any]:
    # A login address without a trailing slash; az compares how it ends.
    return {"loginEndpoint": f"{endpoint.base}/adfs", "audiences": [endpoint.base]}


def _old_shape(endpoint: ArmEndpoint) -> dict[str, Any]:
    """Five members, none of which may be empty."""
    base = f"{endpoint.base}/"
    return {
        "galleryEndpoint": base,
        "graphEndpoint": base,
        "portalEndpoint": base,
        "authentication": _authentication(endpoint),
    }


def _cloud(endpoint: ArmEndpoint) -> dict[str, Any]:
    base = f"{endpoint.base}/"
    more = {"tenant": "adfs", "identityProvider": "ADFS"}
    return {
        "name": "EVA" if endpoint.kind == "tenant" else "EVAAdmin",
        "authentication": _authentication(endpoint) | more,
        "resourceManager": base,
        "portal": base,
        "gallery": base,
        "graph": base,
        "graphAudience": base,
        "suffixes": {},
    }
