"""The demo's hypervisor: its machines, their power, and the backend that dials them."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Final, Literal

from gateway.backends.demo.console import DemoConsole
from gateway.backends.demo.desktop import DesktopMachine
from gateway.backends.demo.linux import linux
from gateway.backends.demo.linux_guest import LinuxGuest
from gateway.backends.demo.machine import DemoMachine
from gateway.backends.demo.system import System
from gateway.backends.demo.text_machine import TextMachine
from gateway.backends.demo.windows import WindowsMachine
from gateway.backends.demo.windows_accounts import WindowsAccounts
from gateway.backends.demo.windows_guest import WindowsGuest
from gateway.backends.targets import Progress, Target
from gateway.backends.upstream import Upstream, shake_hands
from gateway.backends.wire import Wire
from gateway.errors import MachineOff, UpstreamRefused, UpstreamUnreachable

_WORDS: Final = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "hazel", "iris", "juniper"),
    *("kestrel", "lagoon", "maple", "nectar", "opal", "pebble", "quartz", "raven", "sable"),
    *("tundra", "umber", "velvet", "willow", "zephyr"),
)
_CALL: Final = 0.4  # seconds that an agent takes for each call, so that people see the steps
_SWITCHED_OFF: Final = frozenset({"off01"})


class DemoHypervisor:
    """Four machines, each with an agent inside.

    `web01` has a text console and `off01` is switched off, both Linux; `desk01` has a desktop and
    `win01` a logon screen, both Windows.
    """

    def __init__(self, *, pace: float = 1.0) -> None:
        """`pace` stretches what machines and agents take their time for; 0 makes it instant."""
        self._machines: dict[str, DemoMachine] = {}
        self._guests: dict[str, LinuxGuest | WindowsGuest] = {}
        self._add_linux("web01", pace)
        alex = WindowsAccounts({"alex": _password()}, administrators={"alex"})
        self._add_windows(DesktopMachine("desk01", alex.users), alex, pace)
        self._add_linux("off01", pace)
        # Two accounts, of which one is no administrator.
        people = WindowsAccounts(
            {"Administrator": _password(), "dana": _password()}, administrators={"Administrator"}
        )
        self._add_windows(WindowsMachine("win01", people, pace=pace), people, pace)

    def _add_linux(self, name: str, pace: float) -> None:
        users, system = {"azureuser": _password()}, System(name)
        self._machines[name] = TextMachine(name, users, linux(system), pace=pace)
        self._guests[name] = LinuxGuest(system, users, seconds=_CALL * pace)

    def _add_windows(self, machine: DemoMachine, accounts: WindowsAccounts, pace: float) -> None:
        self._machines[machine.name] = machine
        self._guests[machine.name] = WindowsGuest(accounts, seconds=_CALL * pace)

    async def start(self) -> None:
        """Switch the machines on, but for the one that is off."""
        for machine in self._machines.values():
            if machine.name not in _SWITCHED_OFF:
                machine.switch_on()

    async def stop(self) -> None:
        """Switch everything off."""
        for machine in self._machines.values():
            machine.switch_off()

    def machine(self, name: str) -> DemoMachine:
        """Raises: KeyError where there is no such machine."""
        return self._machines[name]

    def guest(self, name: str) -> LinuxGuest | WindowsGuest:
        """The agent inside a machine. Raises: KeyError where there is no such machine."""
        return self._guests[name]

    def linux_guest(self, name: str) -> LinuxGuest:
        """Raises: KeyError where no such machine runs Linux."""
        guest = self._guests[name]
        if not isinstance(guest, LinuxGuest):
            raise KeyError(name)
        return guest

    def windows_guest(self, name: str) -> WindowsGuest:
        """Raises: KeyError where no such machine runs Windows."""
        guest = self._guests[name]
        if not isinstance(guest, WindowsGuest):
            raise KeyError(name)
        return guest

    def names(self) -> tuple[str, ...]:
        return tuple(self._machines)

    def users(self, name: str) -> dict[str, str]:
        """Who may log in to a machine, and with which password."""
        return dict(self._machines[name].users)

    def state(self, name: str) -> Literal["running", "off"]:
        return "running" if self._machines[name].powered else "off"

    def power(self, name: str, *, on: bool) -> None:
        """Switch a machine on, or off at once."""
        machine = self._machines[name]
        (machine.switch_on if on else machine.switch_off)()

    def drop(self, name: str) -> None:
        """Break the connection of every console of a machine, which runs on."""
        self._machines[name].drop()

    def inventory(self, node: str, subscription_id: str, resource_group: str = "demo") -> str:
        """An inventory in TOML that holds these machines."""
        prefix = (
            f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
            "/providers/Microsoft.Compute/virtualMachines"
        )
        return "\n".join(
            f'[[machine]]\nresource_id = "{prefix}/{machine.name}"\nos = "{machine.os}"\n'
            f'node = "{node}"\nconsole = "demo:{machine.name}"\n'
            f'guest_agent = "demo:{machine.name}"\npower = "demo:{machine.name}"\n'
            for machine in self._machines.values()
        )

    async def connect(self, name: str) -> Wire:
        """A fresh connection to a machine's console. Raises: MachineOff, UpstreamUnreachable."""
        machine = self._machines.get(name)
        if machine is None:
            raise UpstreamUnreachable(f"the demo has no machine {name!r}")
        if not machine.powered:
            raise MachineOff(f"{name} is turned off")
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        try:
            await loop.create_connection(lambda: DemoConsole(machine), sock=theirs)
        except BaseException:  # cancelled; the loop closes the one that it was given
            ours.close()
            raise
        _, wire = await loop.create_connection(Wire, sock=ours)
        return wire


class DemoBackend:
    """Dials `demo` consoles."""

    def __init__(self, hypervisor: DemoHypervisor) -> None:
        self._hypervisor = hypervisor

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: MachineOff, UpstreamUnreachable, RfbError."""
        console = target.console
        if console.tls:
            raise UpstreamRefused("the demo speaks no TLS")
        wire = await self._hypervisor.connect(console.name or "")
        return await shake_hands(
            wire, progress, password=console.password, desktop_name=console.desktop_name
        )


def _password() -> str:
    """Easy to type on any keyboard; about 31 bits."""
    words = "-".join(secrets.choice(_WORDS) for _ in range(3))
    return f"{words}-{secrets.randbelow(90_000) + 10_000}"
