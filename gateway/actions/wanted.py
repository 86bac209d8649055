"""What a page or the API asks to have done in a guest, checked and made an extension request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from gateway.actions.inputs import line
from gateway.errors import InvalidInput
from gateway.policy.facts import Vm
from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.handlers import GuestOs
from gateway.recovery.kinds import ActionKind, kinds_for, request_for
from gateway.store import Unit

MAX_USER: Final = 256
MAX_PASSWORD: Final = 1024
MAX_SSH_KEY: Final = 16 * 1024
MAX_DISK: Final = 128


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done, and with what: each kind needs some of these."""

    kind: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    disk_name: str = ""


async def request_wanted(unit: Unit, vm: Vm, wanted: Wanted) -> ExtensionRequest:
    """`wanted` as the request that an ARM client would write. Raises: InvalidInput."""
    most = {"user": MAX_USER, "password": MAX_PASSWORD, "ssh_key": MAX_SSH_KEY}
    for name, limit in most.items():
        if limit < len(getattr(wanted, name)):
            raise InvalidInput(name, f"at most {limit} characters")
    request = request_for(
        offered_kind(wanted.kind, vm),
        GuestOs(vm.os),
        user=line("user", wanted.user, MAX_USER, least=0),
        password=wanted.password,
        ssh_key=wanted.ssh_key.strip(),
        disk_name=line("disk_name", wanted.disk_name, MAX_DISK, least=0),
    )
    # Messages name the extension that the tenant knows, where there is one of that handler.
    for extension in await unit.extensions.list(vm.resource_id):
        if (extension.publisher, extension.type) == (request.publisher, request.type):
            return replace(request, name=extension.name)
    return request


def offered_kind(kind: str, vm: Vm) -> ActionKind:
    """Raises: InvalidInput where nobody offers that for the VM's system."""
    offered = kinds_for(GuestOs(vm.os))
    if kind not in offered:
        raise InvalidInput("kind", "one of " + ", ".join(offered))
    return ActionKind(kind)
