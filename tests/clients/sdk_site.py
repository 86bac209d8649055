"""A serving gateway with the demo's guests and a scale set, for the Azure SDK."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

import uvloop

from gateway.backends.demo import DemoHypervisor
from gateway.backends.demo.windows_accounts import WindowsAccounts
from gateway.backends.demo.windows_guest import WindowsGuest
from gateway.demo import CONTOSO
from gateway.guests import GuestKind
from gateway.guests.demo import demo_kind
from tests.doubles.site import Site
from tests.doubles.standing import NODE

GROUP: Final = "demo"
SCALE_SET: Final = "my-vmss"
AGENT_WAIT: Final = 1  # seconds
TIMEOUT: Final = 2

_SET: Final = (
    f"/subscriptions/{CONTOSO}/resourceGroups/{GROUP}/providers/Microsoft.Compute"
    f"/virtualMachineScaleSets/{SCALE_SET}"
)


@dataclass
class Machines:
    """The demo's machines, and the instances of a scale set beside them."""

    hypervisor: DemoHypervisor
    pool: dict[str, WindowsGuest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(2):
            people = WindowsAccounts({"Administrator": "once-Upon-4-time"}, {"Administrator"})
            self.pool[f"pool-{number}"] = WindowsGuest(people)

    def names(self) -> tuple[str, ...]:
        return (*self.hypervisor.names(), *self.pool)

    def state(self, name: str) -> Literal["running", "off"]:
        return "running" if name in self.pool else self.hypervisor.state(name)

    def guest(self, name: str) -> Any:
        return self.pool[name] if name in self.pool else self.hypervisor.guest(name)

    def inventory(self) -> str:
        """Every machine, in TOML; the scale set's instances are called 0 and 1."""
        instances = "".join(
            f'\n[[machine]]\nresource_id = "{_SET}/virtualMachines/{number}"\nname = "{name}"\n'
            f'os = "windows"\nnode = "{NODE}"\nconsole = "demo:{name}"\n'
            f'guest_agent = "demo:{name}"\npower = "demo:{name}"\n'
            for number, name in enumerate(self.pool)
        )
        return self.hypervisor.inventory(NODE, CONTOSO, GROUP) + instances


class SdkSite(Site):
    """The demo's guests and a scale set, on the event loop that `eva-gateway serve` takes."""

    loop_factory = staticmethod(uvloop.new_event_loop)
    settings = MappingProxyType(
        {"guest_agent_wait_seconds": AGENT_WAIT, "recovery_timeout_seconds": TIMEOUT}
    )

    def inventory(self) -> str:
        self.machines = Machines(self.hypervisor)
        return self.machines.inventory()

    def guests(self) -> GuestKind:
        return demo_kind(self.machines)

    def windows(self, name: str) -> WindowsGuest:
        """The agent inside a machine that runs Windows."""
        guest = self.machines.guest(name)
        assert isinstance(guest, WindowsGuest)
        return guest
