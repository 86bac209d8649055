"""Resource groups: the gateway keeps none, they are what the inventory's ids name."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.api.arm.envelope import ArmError, arm_json, arm_nothing, echoed
from gateway.api.arm.routing import ArmCall, Route

_ALL: Final = "/subscriptions/{subscription_id}/resourceGroups"
_GROUP_SEGMENT: Final = 4  # of /subscriptions/S/resourceGroups/G/…


def routes() -> list[Route]:
    read = "Microsoft.Resources/subscriptions/resourceGroups/read"
    one = f"{_ALL}/{{group}}"
    return [
        Route("GET", _ALL, list_groups, "both", read),
        Route("GET", one, show_group, "both", read),
        Route("HEAD", one, probe_group, "both", read),
    ]


async def list_groups(call: ArmCall) -> web.Response:
    return arm_json({"value": [_group(call, name) for name in groups_of(call)]})


async def show_group(call: ArmCall) -> web.Response:
    return arm_json(_group(call, find_group(call)))


async def probe_group(call: ArmCall) -> web.Response:
    """What `az group exists` asks: 204 or 404."""
    find_group(call)
    return arm_nothing(HTTPStatus.NO_CONTENT)


def groups_of(call: ArmCall) -> list[str]:
    """The groups of the path's subscription, sorted, as the inventory first spells each."""
    subscription = call.params["subscription_id"].lower()
    spelled: dict[str, str] = {}
    for machine in call.services.inventory.machines():
        if machine.vm.subscription_id == subscription:
            name = machine.vm.resource_id.split("/")[_GROUP_SEGMENT]
            spelled.setdefault(name.lower(), name)
    return [spelled[key] for key in sorted(spelled)]


def find_group(call: ArmCall) -> str:
    """The path's `group`, as the inventory spells it. Raises: ArmError."""
    wanted = call.params["group"].lower()
    for name in groups_of(call):
        if name.lower() == wanted:
            return name
    raise ArmError(
        HTTPStatus.NOT_FOUND,
        "ResourceGroupNotFound",
        f"Resource group '{echoed(call.params['group'])}' could not be found.",
    )


def _group(call: ArmCall, name: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{call.params['subscription_id'].lower()}/resourceGroups/{name}",
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": call.location,
        "properties": {"provisioningState": "Succeeded"},
    }
