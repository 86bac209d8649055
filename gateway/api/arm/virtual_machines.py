"""Virtual machines: what clients ask about one before they do anything to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from gateway.actions.extensions import ExtensionView, list_extensions
from gateway.api.arm.envelope import arm_json, moment
from gateway.api.arm.extension_shapes import of_extension, of_instance_view
from gateway.api.arm.machines import VM, VMS, is_single, machine_of
from gateway.api.arm.resource_groups import find_group
from gateway.api.arm.routing import ArmCall, Route
from gateway.inventory import Machine

_OF_SUBSCRIPTION: Final = (
    "/subscriptions/{subscription_id}/providers/Microsoft.Compute/virtualMachines"
)
_POWER: Final = {"running": "running", "paused": "paused", "off": "stopped"}

Json = dict[str, Any]


def routes() -> list[Route]:
    kind = "Microsoft.Compute/virtualMachines"
    return [
        Route("GET", _OF_SUBSCRIPTION, list_all, "tenant", f"{kind}/read"),
        Route("GET", VMS, list_group, "tenant", f"{kind}/read"),
        Route("GET", VM, show, "tenant", f"{kind}/read"),
        Route("GET", f"{VM}/instanceView", show_instance, "tenant", f"{kind}/instanceView/read"),
    ]


async def list_all(call: ArmCall) -> web.Response:
    subscription = call.params["subscription_id"].lower()
    return _listed(call, f"/subscriptions/{subscription}/")


async def list_group(call: ArmCall) -> web.Response:
    subscription, group = call.params["subscription_id"].lower(), find_group(call).lower()
    return _listed(call, f"/subscriptions/{subscription}/resourcegroups/{group}/")


async def show(call: ArmCall) -> web.Response:
    """With `$expand=instanceView`, how it runs; `az vm extension set` insists on that."""
    machine = machine_of(call)
    extensions = await _extensions(call, machine)
    shown = _vm(call, machine)
    shown["resources"] = [of_extension(each) for each in extensions]
    if call.expands("instanceView"):
        shown["properties"]["instanceView"] = await instance_view_of(call, machine, extensions)
    return arm_json(shown)


async def show_instance(call: ArmCall) -> web.Response:
    machine = machine_of(call)
    extensions = await _extensions(call, machine)
    return arm_json(await instance_view_of(call, machine, extensions))


def _listed(call: ArmCall, scope: str) -> web.Response:
    machines: Iterable[Machine] = call.services.inventory.machines()
    found = [each for each in machines if each.vm.key.startswith(scope) and is_single(each)]
    return arm_json({"value": [_vm(call, each) for each in sorted(found, key=_by_key)]})


def _by_key(machine: Machine) -> str:
    return machine.vm.key


async def _extensions(call: ArmCall, machine: Machine) -> Sequence[ExtensionView]:
    return await list_extensions(call.services, call.actor, resource_id=machine.vm.resource_id)


def _vm(call: ArmCall, machine: Machine) -> Json:
    """What the inventory knows of it, in the shape that clients read an OS type from."""
    vm = machine.vm
    windows = vm.os.lower() == "windows"
    configuration = "windowsConfiguration" if windows else "linuxConfiguration"
    return {
        "id": vm.resource_id,
        "name": vm.resource_id.rpartition("/")[2],
        "type": "Microsoft.Compute/virtualMachines",
        "location": call.location,
        "properties": {
            "vmId": str(uuid5(NAMESPACE_URL, vm.key)),
            "provisioningState": "Succeeded",
            "storageProfile": {
                "osDisk": {"osType": "Windows" if windows else "Linux", "createOption": "Attach"}
            },
            "osProfile": {
                "computerName": vm.name,
                configuration: {"provisionVMAgent": machine.guest_agent is not None},
            },
        },
    }


async def instance_view_of(
    call: ArmCall, machine: Machine, extensions: Sequence[ExtensionView]
) -> Json:
    """How it runs, as far as the hypervisor and its own agent say: their text is hostile."""
    guests = call.services.guests
    power = await guests.power(machine)
    facts = await guests.facts(machine) if power not in {"off", "paused"} else None
    time = moment(call.now)
    view: Json = {
        "vmAgent": _agent(facts.version if facts else None, extensions, time),
        "extensions": [of_instance_view(each) for each in extensions],
        "statuses": [
            _status("ProvisioningState/succeeded", "Provisioning succeeded", time),
            _power_status(power),
        ],
    }
    names = {"osName": facts.os_name, "osVersion": facts.os_version} if facts else {}
    return view | {name: text for name, text in names.items() if text is not None}


def _agent(version: str | None, extensions: Sequence[ExtensionView], time: str) -> Json:
    if version is None:
        silent = _status("ProvisioningState/Unavailable", "Not Ready", time)
        why = "The VM's agent does not answer, or the VM has none."
        return {
            "vmAgentVersion": "Unknown",
            "statuses": [silent | {"level": "Warning", "message": why}],
            "extensionHandlers": [],
        }
    ready = _status("ProvisioningState/succeeded", "Ready", time)
    return {
        "vmAgentVersion": version,
        "statuses": [ready | {"message": "Guest Agent is running"}],
        "extensionHandlers": [
            {
                "type": view.handler.full_name,
                "typeHandlerVersion": view.version,
                "status": _status("ProvisioningState/succeeded", "Ready", time),
            }
            for view in extensions
        ],
    }


def _power_status(power: str) -> Json:
    word = _POWER.get(power)
    if word is None:
        return _status("PowerState/unknown", "VM status unknown")
    return _status(f"PowerState/{word}", f"VM {word}")


def _status(code: str, display: str, time: str | None = None) -> Json:
    status = {"code": code, "level": "Info", "displayStatus": display}
    return status | ({"time": time} if time else {})
