"""The demo's hypervisor: its machines, their power, and the backend that dials them."""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Final, Literal

from gateway.backends.demo.console import DemoConsole
from gateway.backends.demo.desktop import DesktopMachine
from gateway.backends.demo.linux import linux
from gateway.backends.demo.machine import DemoMachine
from gateway.backends.demo.text_machine import TextMachine
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.upstream import Upstream, shake_hands
from gateway.backends.wire import Wire
from gateway.errors import MachineOff, UpstreamRefused, UpstreamUnreachable

_WORDS: Final = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "hazel", "iris", "juniper"),
    *("kestrel", "lagoon", "maple", "nectar", "opal", "pebble", "quartz", "raven", "sable"),
    *("tundra", "umber", "velvet", "willow", "zephyr"),
)
_SWITCHED_OFF: Final = frozenset({"off01"})


class DemoHypervisor:
    """Three machines: `web01` has a text console, `desk01` a desktop, `off01` is switched off."""

    def __init__(self, *, pace: float = 1.0) -> None:
        """`pace` stretches what the text machines take their time for; 0 makes it instant."""
        web01 = TextMachine("web01", {"azureuser": _password()}, linux("web01"), pace=pace)
        desk01 = DesktopMachine("desk01", {"alex": _password()})
        off01 = TextMachine("off01", {"azureuser": _password()}, linux("off01"), pace=pace)
        self._machines: dict[str, DemoMachine] = {m.name: m for m in (web01, desk01, off01)}

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
        await loop.create_connection(lambda: DemoConsole(machine), sock=theirs)
        _, wire = await loop.create_connection(Wire, sock=ours)
        return wire


class DemoBackend:
    """Dials `demo` consoles."""

    def __init__(self, hypervisor: DemoHypervisor) -> None:
        self._hypervisor = hypervisor

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: MachineOff, UpstreamUnreachable, RfbError."""
        wire = await self._hypervisor.connect(target.console.name or "")
        return await shake_hands(wire, target.console, _no_tls, progress)


async def _no_tls(_wire: Wire, _console: Console) -> None:
    raise UpstreamRefused("the demo speaks no TLS")


def _password() -> str:
    """Easy to type on any keyboard; about 31 bits."""
    words = "-".join(secrets.choice(_WORDS) for _ in range(3))
    return f"{words}-{secrets.randbelow(90_000) + 10_000}"
