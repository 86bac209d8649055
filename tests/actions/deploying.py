"""Templates to deploy in tests, and a deployment's way to its end."""

from __future__ import annotations

import json
from typing import Any

from gateway.actions.advance_deployment import advance_deployment
from gateway.actions.carry_out import carry_out
from gateway.actions.deployments import Started, start_deployment
from gateway.deployment.jsonc import read_jsonc
from gateway.deployment.resource_ids import Scope
from gateway.deployment.template import Request, read_request
from gateway.store import Deployment
from tests.actions.world import CONTOSO, World

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
SECRET = "c0rrect-horse-Battery"
SCOPE = Scope(CONTOSO, "Prod", "local", "Mend")
GROUP = f"/subscriptions/{CONTOSO}/resourceGroups/Prod"
RESOURCE_ID = f"{GROUP}/providers/Microsoft.Resources/deployments/Mend"


def vm(name: str = "web01", **members: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.Compute/virtualMachines",
        "name": name,
        "apiVersion": "2023-09-01",
    } | members


def extension(name: str = "web01/access", **members: Any) -> dict[str, Any]:
    """Sets a password on Linux."""
    return {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "name": name,
        "apiVersion": "2023-09-01",
        "location": "[resourceGroup().location]",
        "properties": {
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.5",
            "autoUpgradeMinorVersion": "true",
            "settings": {},
            "protectedSettings": {"username": "anna", "password": "[parameters('password')]"},
        },
    } | members


def body(*resources: Any, password: str = SECRET, **members: Any) -> dict[str, Any]:
    """What a client PUTs."""
    template = {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": {"password": {"type": "securestring"}},
        "resources": list(resources),
    }
    return {
        "properties": {
            "mode": "Incremental",
            "parameters": {"password": {"value": password}},
            "template": template | members,
        }
    }


def request(*resources: Any, **members: Any) -> Request:
    return read_request(read_jsonc(json.dumps(body(*resources, **members))), SCOPE)


async def start(world: World, *resources: Any, who: str = "tina", **members: Any) -> Started:
    session = await world.session(who)
    return await start_deployment(
        world.s,
        session.actor,
        scope=SCOPE,
        request=request(*resources, **members),
        correlation_id="c0" * 16,
        now=world.now,
    )


async def now_of(world: World, deployment: Deployment | None = None) -> Deployment:
    """The deployment as it is by now."""
    async with world.store.reading() as unit:
        wanted = deployment.resource_id if deployment else RESOURCE_ID
        found = await unit.deployments.get(wanted)
    assert found is not None
    return found


async def carry_out_begun(world: World) -> None:
    """Have the guests do what was requested of them so far."""
    begun, world.recoveries.started = world.recoveries.started, []
    for action_id in begun:
        await carry_out(world.s, action_id)


async def to_its_end(world: World, deployment: Deployment) -> Deployment:
    """Advance it, guests obliging, until it is over."""
    for _ in range(20):
        await advance_deployment(world.s, deployment.id)
        await carry_out_begun(world)
        if not (found := await now_of(world, deployment)).active:
            return found
    raise AssertionError("it does not end")
