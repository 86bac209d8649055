"""A hypervisor's API with a screen behind it, and the inventory's entry that leads there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.backends import Backends, backends_of, load_kinds
from gateway.errors import GatewayError, RfbError, UpstreamError
from gateway.inventory import Inventory, Machine
from tests.doubles import kubevirt, openstack, proxmox, xapi
from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority
from tests.doubles.kubevirt import KubevirtDouble
from tests.doubles.openstack import OpenstackDouble
from tests.doubles.proxmox import ProxmoxDouble
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import ignore
from tests.doubles.xapi import XapiDouble

KINDS = load_kinds()
HEADER_SECRET = "header-secret-canary"


class WssDouble(ApiDouble):
    """A screen behind a header."""

    async def reply(self, request: web.Request) -> web.StreamResponse:
        if request.path_qs != "/vnc/web01?x=1" or request.headers.get("X-Key") != HEADER_SECRET:
            return _refused()
        return await self.show(request, protocols=("binary",))


def _refused() -> web.StreamResponse:
    return web.Response(status=403, text=HEADER_SECRET)


@dataclass
class World:
    """A double with a screen behind it, and the inventory's entry for it."""

    kind: str
    api: Any
    server: FakeRfbServer
    authority: Authority
    folder: Path

    def machine(self, port: int | None = None, **changed: str) -> Machine:
        """The entry's machine; `changed` keys stand instead of the usual ones."""
        return Inventory.parse(self.entry(port, **changed), KINDS).machines()[0]

    def entry(self, port: int | None = None, **changed: str) -> str:
        """The same as the inventory has it."""
        keys = {"ca_file": f'"{self.authority.ca_file}"', **self._keys(), **changed}
        table = keys.pop("table", "")
        console = keys.pop("console", self._console()).replace("PORT", str(port or self.api.port))
        lines = [f"{key} = {value}" for key, value in keys.items() if value]
        return "\n".join((
            "[[machine]]",
            'resource_id = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups'
            '/shop/providers/Microsoft.Compute/virtualMachines/web01"',
            'node = "AzS-ERCS01"',
            f'console = "{console}"',
            *lines,
            table,
        ))  # fmt: skip

    def _console(self) -> str:
        return {
            "wss": "wss://127.0.0.1:PORT/vnc/web01?x=1",
            "proxmox": f"proxmox://127.0.0.1:PORT/{proxmox.NODE}/{proxmox.VMID}",
            "proxmox-user": f"proxmox://127.0.0.1:PORT/{proxmox.NODE}/{proxmox.VMID}",
            "kubevirt": f"kubevirt://127.0.0.1:PORT/{kubevirt.NAMESPACE}/{kubevirt.NAME}",
            "openstack": f"openstack://127.0.0.1:PORT/{openstack.SERVER}",
            "openstack-credential": f"openstack://127.0.0.1:PORT/{openstack.SERVER}",
            "xenserver": f"xenserver://127.0.0.1:PORT/{xapi.VM}",
        }[self.kind]

    def _keys(self) -> dict[str, str]:
        secret = self.folder / "secret"
        identity = '[machine.openstack]\nidentity_path = "/identity/v3"\nregion = "one"\n'
        header = f'[machine.wss]\nsubprotocol = "binary"\nheaders.X-Key.file = "{secret}"'
        user, said, table = {
            "wss": ("", HEADER_SECRET, header),
            "proxmox": (proxmox.TOKEN, proxmox.TOKEN_SECRET, ""),
            "proxmox-user": (proxmox.USER, proxmox.PASSWORD, ""),
            "kubevirt": ("", kubevirt.TOKEN, ""),
            "openstack": (
                openstack.USER, openstack.PASSWORD, f'{identity}project = "{openstack.PROJECT}"'
            ),
            "openstack-credential": (
                openstack.CREDENTIAL,
                openstack.CREDENTIAL_SECRET,
                f"{identity}application_credential = true",
            ),
            "xenserver": (xapi.USER, xapi.PASSWORD, ""),
        }[self.kind]  # fmt: skip
        secret.write_text(said)
        keys = {"user": f'"{user}"', "password_file": f'"{secret}"', "table": table}
        wanted = {"user": user, "password_file": self.kind != "wss", "table": table}
        return {key: value for key, value in keys.items() if wanted[key]}

    @property
    def canaries(self) -> list[str]:
        """Everything secret that was ever said here."""
        fixed = [HEADER_SECRET, proxmox.TOKEN_SECRET, proxmox.PASSWORD, kubevirt.TOKEN,
                 openstack.PASSWORD, openstack.CREDENTIAL_SECRET, xapi.PASSWORD]  # fmt: skip
        return fixed + getattr(self.api, "secrets", [])


ALL = (
    "wss", "proxmox", "proxmox-user", "kubevirt", "openstack", "openstack-credential", "xenserver",
)  # fmt: skip


@asynccontextmanager
async def world_of(kind: str, folder: Path, *, address: str = "127.0.0.1") -> AsyncIterator[World]:
    """The API listens at that loopback `address`."""
    authority = Authority(folder)
    async with FakeRfbServer(name=b"QEMU (web01)") as server:

        def lock(password: str) -> None:
            server.password = password

        screen = Screen(port=server.port)
        api: Any = {
            "wss": lambda: WssDouble(authority, screen),
            "proxmox": lambda: ProxmoxDouble(authority, screen, lock),
            "proxmox-user": lambda: ProxmoxDouble(authority, screen, lock),
            "kubevirt": lambda: KubevirtDouble(authority, screen),
            "openstack": lambda: OpenstackDouble(authority, screen),
            "openstack-credential": lambda: OpenstackDouble(authority, screen),
            "xenserver": lambda: XapiDouble(authority, screen),
        }[kind]()
        api.address = address
        async with api:
            yield World(kind, api, server, authority, folder)


def backends(deadline: float = 10.0) -> Backends:
    """What dials every kind."""
    return Backends(backends_of(KINDS), deadline=deadline)


async def refusal(machine: Machine, deadline: float = 10.0) -> GatewayError:
    """What a dial that fails says."""
    with pytest.raises((UpstreamError, RfbError)) as caught:
        await backends(deadline).dial(machine, ignore)
    return caught.value
