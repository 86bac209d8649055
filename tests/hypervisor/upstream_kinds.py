"""A console of every kind of upstream: a real screen behind it, a fault proxy before it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np
import numpy.typing as npt

from gateway.inventory import Machine
from tests.backends.rdp import remains
from tests.backends.rdp.servers import PASSWORD, USER, Shadow, Xrdp, rdp_machine
from tests.doubles.authority import Authority
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.hypervhost import HyperVHost
from tests.doubles.openstack import OpenstackDouble
from tests.hypervisor.echo import EchoGuest
from tests.hypervisor.programs import need, wait_for
from tests.hypervisor.test_websockets import behind
from tests.hypervisor.xservers import Xvnc

Pixels = npt.NDArray[np.uint8]

WEBSOCKETS: Final = ("wss", "proxmox", "kubevirt", "openstack", "xenserver")
RDP: Final = ("rdp", "hyperv")
ALL: Final = (*WEBSOCKETS, *RDP)
VM: Final = "efd1efab-c750-4262-b1bb-af0f7733bdd6"


@dataclass
class Disturbed:
    """A console that is reached through `proxy` alone."""

    kind: str
    machine: Machine
    proxy: FaultProxy
    screendump: Callable[[], Pixels]  # the screen, as its own server has it
    change: Callable[[], None]  # has its own server show something else
    upstreams: Callable[[], int]  # how many of the gateway's there are now


class Engines:
    """What the consoles show; each is started when it is first wanted, and kept."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._colour = 0

    @cached_property
    def qemu(self) -> EchoGuest:
        machine = EchoGuest(self._folder())
        self._stack.callback(machine.kill)
        wait_for(machine.booted, "the guest")
        return machine

    @cached_property
    def x(self) -> Xvnc:
        need("xfreerdp")
        server = Xvnc(self._folder(), size="320x240")
        self._stack.callback(server.stop)
        return server

    @cached_property
    def xrdp(self) -> Xrdp:
        server = Xrdp(self._folder(), self.x)
        self._stack.callback(server.stop)
        return server

    @cached_property
    def shadow(self) -> Shadow:
        server = Shadow(self._folder(), self.x, nla=False)
        self._stack.callback(server.stop)
        return server

    def watchers(self) -> int:
        """How many clients QEMU's VNC servers have, all of them together."""
        return sum(len(each["clients"]) for each in self.qemu.qmp.run("query-vnc-servers"))

    def press(self) -> None:
        """A key, pressed at QEMU itself; the guest shows its letter."""
        self.qemu.qmp.run("send-key", keys=[{"type": "qcode", "data": "q"}])

    def paint(self) -> None:
        """Another colour all over the X server."""
        self._colour = (self._colour + 0x2B1D07) % 0x1000000
        self.x.run("xsetroot", "-solid", f"#{self._colour:06x}")

    def _folder(self) -> Path:
        folder = tempfile.TemporaryDirectory(prefix="eva-", dir="/tmp", ignore_cleanup_errors=True)
        return Path(self._stack.enter_context(folder))


@asynccontextmanager
async def disturbed(kind: str, engines: Engines, folder: Path) -> AsyncIterator[Disturbed]:
    """A console of `kind`; `folder` is for what its double writes."""
    make = _websocket if kind in WEBSOCKETS else _rdp
    async with make(kind, engines, folder) as room:
        yield room


@asynccontextmanager
async def _websocket(kind: str, engines: Engines, folder: Path) -> AsyncIterator[Disturbed]:
    qemu = engines.qemu
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(behind(kind, qemu))
        proxy = await stack.enter_async_context(FaultProxy(port=world.api.port))
        if isinstance(world.api, OpenstackDouble):
            world.api.compute_url = f"https://127.0.0.1:{proxy.port}/v2.1"
            world.api.console_url = f"https://127.0.0.1:{proxy.port}/vnc_lite.html"
        machine = world.machine(proxy.port)
        yield Disturbed(kind, machine, proxy, qemu.screendump, engines.press, engines.watchers)


@asynccontextmanager
async def _rdp(kind: str, engines: Engines, folder: Path) -> AsyncIterator[Disturbed]:
    async with AsyncExitStack() as stack:
        if kind == "rdp":
            port, pin, vm = engines.xrdp.port, engines.xrdp.pin, None
        else:
            authority, vm = Authority(folder / "host"), VM
            accounts = folder / "accounts"
            accounts.write_text(f":{USER}:{PASSWORD}\n")
            stack.enter_context(mock.patch.dict(os.environ, NTLM_USER_FILE=str(accounts)))
            host = HyperVHost(authority, VM, (USER, PASSWORD), engines.shadow.port)
            port, pin = (await stack.enter_async_context(host)).port, authority.pin
        proxy = await stack.enter_async_context(FaultProxy(port=port))
        machine = rdp_machine(proxy.port, pin, vm=vm)
        yield Disturbed(kind, machine, proxy, engines.x.screendump, engines.paint, _clients)


def _clients() -> int:
    return len(remains.programs("xfreerdp"))
