"""What stands behind a console, by its kind: a guest that notes what it is typed, seen from behind.

A kind more is a function more in `BEHIND`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pytest import MonkeyPatch

from gateway.demo import CONTOSO
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Vm
from tests.backends.libvirt.libvirtd import Domain, Libvirtd
from tests.backends.rdp.servers import PASSWORD, USER, Shadow, rdp_machine
from tests.backends.rdp.test_hyperv import OTHER, VM
from tests.doubles.authority import Authority
from tests.doubles.hypervhost import HyperVHost
from tests.doubles.pictures import Picture
from tests.doubles.ports import free_port
from tests.doubles.standing import NODE
from tests.doubles.watching import machine_at
from tests.doubles.xclient import open_display
from tests.hypervisor.echo import EchoGuest
from tests.hypervisor.programs import need, wait_for
from tests.hypervisor.qemu import VNC_PASSWORD
from tests.hypervisor.test_websockets import behind as world_behind
from tests.hypervisor.xservers import XServer, Xvnc

NAME = "real01"
_RESOURCE_ID = (
    f"/subscriptions/{CONTOSO}/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/"
)


@dataclass
class Behind:
    """A guest and its console.

    `taken`: what the guest has taken of what was typed. `pointer`: where the guest has it; None
    where a guest without a mouse changes its mode and restarts instead. `says_no`: has the backend
    refuse from now on, and returns the machine to dial then. `words`: what it says.
    """

    machine: Machine
    screendump: Callable[[], Picture]
    taken: Callable[[], str]
    says_no: Callable[[], Machine]
    heading: str
    words: str
    pointer: Callable[[], tuple[int, int]] | None = None


def named(machine: Machine) -> Machine:
    """The same console as that of a VM of contoso's."""
    return replace(machine, vm=Vm(_RESOURCE_ID + NAME, CONTOSO, NAME, "linux", NODE))


REFUSED = "The hypervisor turned the gateway away"
UNREACHED = "The hypervisor cannot be reached"
OFF = f"{NAME} is turned off"


class Restarting(EchoGuest):
    """Ctrl+Alt+Del does not end it."""

    def _command(self, control: Path) -> list[str]:
        return [each for each in super()._command(control) if each != "-no-reboot"]


@contextmanager
def new_folder() -> Iterator[Path]:
    """Its name is short: a Unix socket's path has at most 107 bytes."""
    name = tempfile.mkdtemp(prefix="eva-", dir="/tmp")
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


@contextmanager
def echo() -> Iterator[EchoGuest]:
    with ExitStack() as stack:
        guest = Restarting(stack.enter_context(new_folder()))
        stack.callback(guest.kill)
        wait_for(guest.booted, "the guest")
        yield guest


@asynccontextmanager
async def vnc(_: MonkeyPatch) -> AsyncIterator[Behind]:
    with echo() as guest:

        def at(password: str) -> Machine:
            console = ConsoleAddress(
                "vnc", host="127.0.0.1", port=guest.password_port, password=password
            )
            return named(machine_at(console))

        guest.qmp.run("set_password", protocol="vnc", password=VNC_PASSWORD, display="pw")
        yield Behind(
            at(VNC_PASSWORD), guest.screendump, guest.text,
            partial(at, "wrong"), REFUSED, "Authentication failed",
        )  # fmt: skip


@asynccontextmanager
async def in_websocket(kind: str, _: MonkeyPatch) -> AsyncIterator[Behind]:
    with echo() as guest:
        async with world_behind(kind, guest) as world:

            def says_no() -> Machine:
                match kind:
                    case "wss":
                        other = Authority(guest.folder / "other").ca_file
                        return named(world.machine(ca_file=f'"{other}"'))
                    case "proxmox":
                        world.api.on = False
                    case "kubevirt" | "openstack":
                        world.api.allowed = False
                    case _:
                        return named(world.machine(free_port()))
                return named(world.machine())

            heading, words = {
                "wss": (REFUSED, "certificate is not trusted"),
                "proxmox": (OFF, ""),
                "kubevirt": (REFUSED, "virtualmachineinstances/vnc"),
                "openstack": (REFUSED, "may not open this VM's console"),
            }.get(kind, (UNREACHED, "Connection refused"))
            yield Behind(
                named(world.machine()), guest.screendump, guest.text, says_no, heading, words
            )


@asynccontextmanager
async def libvirt(_: MonkeyPatch) -> AsyncIterator[Behind]:
    with ExitStack() as stack:
        host = Libvirtd(stack.enter_context(new_folder()))
        stack.callback(host.stop)
        domain: Domain = host.define(NAME)
        wait_for(domain.booted, "the guest")

        def says_no() -> Machine:
            domain.destroy()
            return named(domain.here())

        yield Behind(named(domain.here()), domain.screendump, domain.text, says_no, OFF, "")


class Terminal:
    """An X server with a terminal all over it, which notes what is typed."""

    def __init__(self, stack: ExitStack) -> None:
        need("Xvnc", "xfreerdp", "freerdp-shadow-cli", "xterm")
        self.folder = stack.enter_context(new_folder())
        self.server: XServer = Xvnc(self.folder, size="1024x768")
        stack.callback(self.server.stop)
        self._notes = self.folder / "typed"
        script = f"stty -icanon -isig; echo ready; cat >{self._notes}"
        self.server._start(
            [
                "xterm",
                "-geometry",
                "172x60+0+0",
                "+bc",
                "+sb",
                "-bg",
                "#8a2f10",
                "-fg",
                "#30e0c8",
                "-e",
                "sh",
                "-c",
                script,
            ],
            "xterm",
        )
        wait_for(self._notes.exists, "the terminal")
        self._display = open_display(self.server.display)
        stack.callback(self._display.close)

    def taken(self) -> str:
        return self._notes.read_text()

    def pointer(self) -> tuple[int, int]:
        at = self._display.screen().root.query_pointer()
        return at.root_x, at.root_y


@asynccontextmanager
async def rdp(_: MonkeyPatch) -> AsyncIterator[Behind]:
    with ExitStack() as stack:
        terminal = Terminal(stack)
        shadow = Shadow(terminal.folder, terminal.server, nla=True)
        stack.callback(shadow.stop)
        yield Behind(
            named(shadow.machine()), terminal.server.screendump, terminal.taken,
            lambda: named(shadow.machine(password="wrong")), REFUSED, "refused the account",
            pointer=terminal.pointer,
        )  # fmt: skip


@asynccontextmanager
async def hyperv(monkeypatch: MonkeyPatch) -> AsyncIterator[Behind]:
    with ExitStack() as stack:
        terminal = Terminal(stack)
        shadow = Shadow(terminal.folder, terminal.server, nla=False)
        stack.callback(shadow.stop)
        accounts = terminal.folder / "accounts"
        accounts.write_text(f":{USER}:{PASSWORD}\n")
        monkeypatch.setenv("NTLM_USER_FILE", str(accounts))
        authority = Authority(terminal.folder / "tls")
        async with HyperVHost(authority, VM, (USER, PASSWORD), shadow.port) as host:

            def at(vm: str) -> Machine:
                return named(rdp_machine(host.port, authority.pin, PASSWORD, vm=vm))

            yield Behind(
                at(VM), terminal.server.screendump, terminal.taken,
                partial(at, OTHER), REFUSED, "knows no VM of this id", pointer=terminal.pointer,
            )  # fmt: skip


BEHIND: dict[str, Callable[[MonkeyPatch], AbstractAsyncContextManager[Behind]]] = {
    "vnc": vnc,
    **{
        kind: partial(in_websocket, kind)
        for kind in ("wss", "proxmox", "kubevirt", "openstack", "xenserver")
    },
    "libvirt": libvirt,
    "rdp": rdp,
    "hyperv": hyperv,
}
