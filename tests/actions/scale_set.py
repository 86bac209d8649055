"""A scale set of Contoso's to act on: three Linux machines, and one of Fabrikam's beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Vm
from tests.actions.world import CONTOSO, FABRIKAM, NODE, World

LOCATION = "local"
PROVIDER = "/providers/Microsoft.Compute"
SET = f"/subscriptions/{CONTOSO}/resourceGroups/Prod{PROVIDER}/virtualMachineScaleSets/Web"
FOREIGN_SET = SET.replace(CONTOSO, FABRIKAM)


def instance(scale_set: str, number: int, os: str = "linux") -> Machine:
    subscription = scale_set.split("/")[2]
    vm = Vm(f"{scale_set}/virtualMachines/{number}", subscription, f"web-{number}", os, NODE)
    return Machine(vm, ConsoleAddress("vnc", host="127.0.0.1", port=6000 + number))


INSTANCES = tuple(instance(SET, number) for number in range(3))


def add_to(world: World) -> None:
    for machine in (*INSTANCES, instance(FOREIGN_SET, 7)):
        world.inventory.put(machine)


def make_windows(world: World) -> None:
    for machine in INSTANCES:
        world.inventory.put(replace(machine, vm=replace(machine.vm, os="windows")))


def linux(name: str = "access", **properties: Any) -> dict[str, Any]:
    """An entry of a scale set's list of extensions: sets a password on Linux."""
    return {
        "name": name,
        "properties": {
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.5",
            "autoUpgradeMinorVersion": True,
            "settings": {},
            "protectedSettings": {"username": "azureuser", "password": "S3cret-of-linux"},
            **properties,
        },
    }


def windows(name: str = "VMAccessAgent", **properties: Any) -> dict[str, Any]:
    """As the seed's `az vmss extension set` writes it."""
    return {
        "name": name,
        "properties": {
            "publisher": "Microsoft.Compute",
            "type": "VMAccessAgent",
            "typeHandlerVersion": "2.0",
            "autoUpgradeMinorVersion": True,
            "settings": {"username": "myuser"},
            "protectedSettings": {"password": "S3cret-of-windows"},
            **properties,
        },
    }


def without_secrets(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as a client sends it back that has read it."""
    properties = {k: v for k, v in entry["properties"].items() if k != "protectedSettings"}
    return {**entry, "properties": properties}


def whole(*extensions: dict[str, Any], image: Any = None) -> dict[str, Any]:
    """A whole scale set as a PUT sends it."""
    storage = {"imageReference": image} if image else {}
    profile = {
        "storageProfile": storage,
        "extensionProfile": {"extensions": list(extensions)},
    }
    return {"location": LOCATION, "properties": {"virtualMachineProfile": profile}}
