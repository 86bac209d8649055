"""How scale sets and their instances look to Resource Manager's clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from gateway.actions.scale_sets import ScaleSetView
from gateway.actions.upgrade_instances import InstanceView
from gateway.api.arm.extension_shapes import Json, of_extension, of_properties

_TYPE: Final = "Microsoft.Compute/virtualMachineScaleSets"


def of_scale_set(view: ScaleSetView) -> Json:
    """The whole model, its extensions where clients look for them, without their secrets."""
    members = view.members
    properties = {
        **view.model.get("properties", {}),
        "provisioningState": "Succeeded",
        "uniqueId": str(uuid5(NAMESPACE_URL, members.key)),
    }
    profile = dict(properties.get("virtualMachineProfile", {}))
    entries = [{"name": each.name, "properties": of_properties(each)} for each in view.extensions]
    profile["extensionProfile"] = {**profile.get("extensionProfile", {}), "extensions": entries}
    properties["virtualMachineProfile"] = profile
    return {
        **view.model,
        "name": members.name,
        "id": members.resource_id,
        "type": _TYPE,
        "location": members.location,
        "properties": properties,
    }


def of_instance(view: InstanceView, *, location: str, state: Json | None) -> Json:
    """One machine of a scale set; with its instance view where that was asked for."""
    vm = view.machine.vm
    properties: dict[str, Any] = {
        "latestModelApplied": view.latest,
        "vmId": str(uuid5(NAMESPACE_URL, vm.key)),
        "osProfile": {"computerName": vm.name},
        "storageProfile": {"osDisk": {"osType": vm.os.capitalize()}},
        "provisioningState": "Succeeded",
    }
    if state is not None:
        properties["instanceView"] = state
    return {
        "name": f"{vm.resource_id.split('/')[-3]}_{view.instance_id}",
        "id": vm.resource_id,
        "type": f"{_TYPE}/virtualMachines",
        "location": location,
        "instanceId": view.instance_id,
        "resources": [of_extension(each) for each in view.extensions],
        "properties": properties,
    }


def of_set_state(instances: Sequence[InstanceView]) -> Json:
    """How many instances stand how, by extension."""
    by_name: dict[str, list[str]] = {}
    for instance in instances:
        for view in instance.extensions:
            by_name.setdefault(view.extension.name, []).append(view.status.code)
    codes = [_PROVISIONED["code"]] * len(instances)
    return {
        "virtualMachine": {"statusesSummary": _counted(codes)},
        "extensions": [
            {"name": name, "statusesSummary": _counted(by_name[name])} for name in sorted(by_name)
        ],
        "statuses": [_PROVISIONED],
    }


_PROVISIONED: Final = {
    "code": "ProvisioningState/succeeded",
    "level": "Info",
    "displayStatus": "Provisioning succeeded",
}


def _counted(codes: Iterable[str]) -> list[Json]:
    return [{"code": code, "count": count} for code, count in sorted(Counter(codes).items())]
