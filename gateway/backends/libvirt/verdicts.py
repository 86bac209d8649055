"""libvirt's errors, in our words."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import MachineOff, UpstreamError, UpstreamRefused, UpstreamUnreachable

_REFUSALS: Final = {
    "MISSING": "libvirt-python is not installed on the gateway: pip install 'eva-gateway[libvirt]'",
    "UNREADABLE": "libvirt's description of the VM cannot be read",
    "NO_DOMAIN": "libvirt knows no VM of this id",
    "ACCESS_DENIED": "libvirt does not allow the gateway to do this with the VM",
    "OPERATION_DENIED": "libvirt does not allow the gateway to do this with the VM",
    "AUTH_FAILED": "libvirt refused the gateway's user",
    "AUTH_CANCELLED": "libvirt asks for a password, which the gateway has none of",
    "AUTH_UNAVAILABLE": "libvirt has nobody to ask whether the gateway's user may do this",
    "NO_SUPPORT": "libvirt cannot do this with VMs of its kind",
    "OPERATION_UNSUPPORTED": "libvirt cannot do this with VMs of its kind",
}


def error_of(answer: Mapping[str, Any]) -> UpstreamError:
    """What is raised for the child's answer."""
    name = answer["error"]
    if name == "OFF":
        return MachineOff("the VM is turned off")
    if name == "NO_VNC":
        if answer.get("spice"):
            return UpstreamRefused("the VM's screen speaks SPICE only; give it VNC graphics too")
        return UpstreamRefused("the VM has no VNC graphics")
    if name == "RPC":
        return UpstreamUnreachable("libvirt broke the connection off")
    if name == "SYSTEM_ERROR":
        return _failed_call(answer.get("errno"))
    return UpstreamRefused(_REFUSALS.get(name) or f"libvirt refused with error {_number(answer)}")


def _failed_call(number: object) -> UpstreamError:
    if number in (errno.EACCES, errno.EPERM):
        return UpstreamRefused(
            "libvirt's socket is closed to the gateway's user; it must be in the group libvirt"
        )
    if number in (errno.ENOENT, errno.ECONNREFUSED):
        return UpstreamUnreachable("libvirt does not run on this machine")
    why = os.strerror(number) if isinstance(number, int) and 0 < number else "the connection failed"
    return UpstreamUnreachable(f"libvirt cannot be reached: {why}")


def _number(answer: Mapping[str, Any]) -> int:
    found = answer.get("number")
    return found if isinstance(found, int) else 0
