"""Virtual machines by their path: the inventory's, of a subscription that is the caller's own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from gateway.api.arm.envelope import ArmError, echoed
from gateway.api.arm.routing import ArmCall
from gateway.inventory import Machine

VMS: Final = (
    "/subscriptions/{subscription_id}/resourceGroups/{group}"
    "/providers/Microsoft.Compute/virtualMachines"
)
VM: Final = f"{VMS}/{{vm}}"


def vm_id(call: ArmCall) -> str:
    """The resource id of the VM that the path names, as the client spells it."""
    return VM.format(**{name: call.params[name] for name in ("subscription_id", "group", "vm")})


def machine_of(call: ArmCall) -> Machine:
    """The VM that the path names. Raises: ArmError."""
    machine = call.services.inventory.get(vm_id(call))
    if machine is None or machine.vm.subscription_id not in call.actor.subscriptions:
        raise resource_not_found(call, f"Microsoft.Compute/virtualMachines/{call.params['vm']}")
    return machine


def resource_not_found(call: ArmCall, resource: str) -> ArmError:
    """`resource`: its type and name. The path names its resource group as `group`."""
    return ArmError(
        HTTPStatus.NOT_FOUND,
        "ResourceNotFound",
        f"The Resource '{echoed(resource)}' under resource group "
        f"'{echoed(call.params['group'])}' was not found. For more details please go to "
        "https://aka.ms/ARMResourceNotFoundFix",
    )


def is_single(machine: Machine) -> bool:
    """Whether it is a VM of its own: a scale set's instances have longer ids."""
    return machine.vm.resource_id.count("/") == VM.count("/")
