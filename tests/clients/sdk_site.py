"""A serving gateway with the demo's guests and a scale set, for the Azure SDK."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import uvloop

from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.backends.demo.windows_accounts import WindowsAccounts
from gateway.backends.demo.windows_guest import WindowsGuest
from gateway.demo import CONTOSO
from gateway.guests.demo import demo_kind
from gateway.inventory import Inventory
from tests.doubles.standing import NODE, Standing, standing_gateway

GROUP: Final = "demo"
SCALE_SET: Final = "my-vmss"
AGENT_WAIT: Final = 1  # seconds
TIMEOUT: Final = 2

T = TypeVar("T")

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


class SdkSite:
    """Serves in a thread of its own: the SDK blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._up: Future[Standing] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.standing = self._up.result(timeout=60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join(timeout=30)

    def do(self, work: Awaitable[T]) -> T:
        """Have the gateway's own loop do it, and wait."""

        async def doing() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(timeout=30)

    def windows(self, name: str) -> WindowsGuest:
        """The agent inside a machine that runs Windows."""
        guest = self.machines.guest(name)
        assert isinstance(guest, WindowsGuest)
        return guest

    def _run(self) -> None:
        try:
            # As `eva-gateway serve` does.
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except Exception as error:
            if self._up.done():
                raise
            self._up.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        hypervisor = DemoHypervisor(pace=0)
        self.machines = Machines(hypervisor)
        await hypervisor.start()
        try:
            async with standing_gateway(
                self._folder,
                Inventory.parse(self.machines.inventory()).machines(),
                backends={"demo": DemoBackend(hypervisor)},
                guests={"demo": demo_kind(self.machines)},
                guest_agent_wait_seconds=AGENT_WAIT,
                recovery_timeout_seconds=TIMEOUT,
            ) as standing:
                self._up.set_result(standing)
                await self._told.wait()
        finally:
            await hypervisor.stop()
