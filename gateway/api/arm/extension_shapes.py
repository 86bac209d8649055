"""How extensions look to Resource Manager's clients. Protected settings have no shape: they are
never shown, not even as an empty object.
"""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.actions.extensions import ExtensionView
from gateway.api.arm.envelope import moment
from gateway.store import Extension

Json = dict[str, Any]

_PROVIDER: Final = "/providers/Microsoft.Compute/"


def of_extension(view: ExtensionView, *, expanded: bool = False) -> Json:
    """A VM's extension; with its instance view where that was asked for."""
    extension = view.extension
    properties = of_properties(extension)
    if expanded:
        properties["instanceView"] = of_instance_view(view)
    return {
        "name": extension.name,
        "id": id_of(extension),
        "type": _type(extension),
        "location": extension.location,
        "properties": properties,
    }


def of_set_extension(extension: Extension) -> Json:
    """A scale set's extension; it has no location and no instance view of its own."""
    return {
        "name": extension.name,
        "id": id_of(extension),
        "type": _type(extension),
        "properties": of_properties(extension),
    }


def of_properties(extension: Extension) -> Json:
    """What was asked for, in the version that was asked for, and how it stands."""
    properties: Json = {
        "autoUpgradeMinorVersion": extension.auto_upgrade,
        "provisioningState": extension.provisioning_state,
        "publisher": extension.publisher,
        "type": extension.type,
        "typeHandlerVersion": extension.version,
        "settings": json.loads(extension.settings),
    }
    if extension.force_update_tag is not None:
        properties["forceUpdateTag"] = extension.force_update_tag
    return properties


def of_instance_view(view: ExtensionView) -> Json:
    """What the guest has: the version that is at work, and how the last request ended."""
    status = view.status
    return {
        "name": view.extension.name,
        "type": view.handler.full_name,
        "typeHandlerVersion": view.version,
        "statuses": [
            {
                "code": status.code,
                "level": status.level,
                "displayStatus": status.display,
                "message": status.message,
                "time": moment(status.at),
            }
        ],
    }


def id_of(extension: Extension) -> str:
    return f"{extension.parent_id}/extensions/{extension.name}"


def _type(extension: Extension) -> str:
    """`Microsoft.Compute/virtualMachines/extensions`: every second segment of the id."""
    segments = extension.parent_id.partition(_PROVIDER)[2].split("/")
    return "/".join(("Microsoft.Compute", *segments[::2], "extensions"))
