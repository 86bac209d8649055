"""The demo as it runs: what its visitors are told is read from here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.app import Gateway
from gateway.backends.demo import DemoHypervisor
from gateway.demo.cast import DemoAccount
from gateway.demo.engines import Engines


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM of the demo. `way`: how its console is reached. `users`: their passwords inside it."""

    name: str
    resource_id: str
    state: str
    users: dict[str, str]
    way: str


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway, the people who have accounts there, and what is behind its consoles."""

    gateway: Gateway
    accounts: tuple[DemoAccount, ...]
    hypervisor: DemoHypervisor
    engines: Engines

    def vms(self) -> Iterator[Vm]:
        """Those of the inventory, in its order."""
        ways = {engine.vm: engine.way for engine in self.engines.shown}
        for machine in self.gateway.inventory.machines():
            name, resource_id = machine.vm.name, machine.vm.resource_id
            if name in ways:
                yield Vm(name, resource_id, "running", {}, ways[name])
            else:
                state, users = self.hypervisor.state(name), self.hypervisor.users(name)
                yield Vm(name, resource_id, state, users, "built in")
