"""Resource providers: which types there are, where, and under which versions.

Clients that are given no api-version ask here for the newest one of a type.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.api.arm.envelope import API_VERSIONS, ArmError, arm_json, echoed
from gateway.api.arm.routing import ArmCall, Route

_ALL: Final = "/subscriptions/{subscription_id}/providers"

_TENANTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Microsoft.Compute": (
        "virtualMachines",
        "virtualMachines/extensions",
        "virtualMachineScaleSets",
        "virtualMachineScaleSets/extensions",
        "locations",
        "locations/operations",
        "locations/publishers",
    ),
    "Microsoft.Resources": (
        "tenants",
        "subscriptions",
        "locations",
        "providers",
        "resourceGroups",
        "deployments",
        "deployments/operations",
    ),
}
_ADMINS: Final[Mapping[str, tuple[str, ...]]] = {
    "Microsoft.Compute.Admin": ("locations/features",),
    "Microsoft.Resources": ("tenants", "subscriptions", "locations", "providers"),
}
_ADMIN_VERSIONS: Final = ("2020-11-01",)


def routes() -> list[Route]:
    read = "Microsoft.Resources/subscriptions/providers/read"
    register = "Microsoft.Resources/subscriptions/providers/register/action"
    return [
        Route("GET", _ALL, list_providers, "both", read),
        Route("GET", f"{_ALL}/{{namespace}}", show_provider, "both", read),
        Route("POST", f"{_ALL}/{{namespace}}/register", show_provider, "both", register),
    ]


async def list_providers(call: ArmCall) -> web.Response:
    return arm_json({"value": [_provider(call, namespace) for namespace in _known(call)]})


async def show_provider(call: ArmCall) -> web.Response:
    """Also what registering one answers: all are registered already."""
    wanted = call.params["namespace"].lower()
    for namespace in _known(call):
        if namespace.lower() == wanted:
            return arm_json(_provider(call, namespace))
    raise ArmError(
        HTTPStatus.NOT_FOUND,
        "InvalidResourceNamespace",
        f"The resource namespace '{echoed(call.params['namespace'])}' is invalid.",
    )


def _known(call: ArmCall) -> Mapping[str, tuple[str, ...]]:
    return _ADMINS if call.audience == "admin" else _TENANTS


def _provider(call: ArmCall, namespace: str) -> dict[str, Any]:
    versions = _ADMIN_VERSIONS if namespace.endswith(".Admin") else API_VERSIONS
    return {
        "id": f"/subscriptions/{call.params['subscription_id']}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationFree",
        "resourceTypes": [
            {
                "resourceType": kind,
                "locations": [call.location],
                "apiVersions": list(versions),
                "defaultApiVersion": versions[0],
                "capabilities": "None",
            }
            for kind in _known(call)[namespace]
        ],
    }
