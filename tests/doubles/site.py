"""A serving gateway with the demo's people and machines, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pyotp

from gateway.backends import load_kinds
from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.backends.demo.text_machine import TextMachine
from gateway.demo import CONTOSO
from gateway.guests import GuestKind
from gateway.guests.demo import demo_kind
from gateway.inventory import Inventory
from tests.doubles.standing import NODE, ShiftedClock, Standing, standing_gateway

T = TypeVar("T")

CODE_WINDOW = timedelta(seconds=90)


class Site:
    """Serves in a thread of its own, so that clients that block may be tried on it."""

    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    settings: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, folder: Path) -> None:
        self.clock = ShiftedClock()
        self._folder = folder
        self._up: Future[Standing] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.standing = self._up.result(timeout=60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join(timeout=30)

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Do `what` where the gateway runs."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=60)

    @property
    def base(self) -> str:
        return self.standing.base

    def password(self, name: str) -> str:
        return self.standing.accounts[name].password

    def code(self, name: str) -> str | None:
        """A one-time code that works once; the gateway's clock moves on so that there is one."""
        self.clock.ahead += CODE_WINDOW
        secret = self.standing.accounts[name].code_secret
        return pyotp.TOTP(secret).at(self.clock()) if secret else None

    def vm(self, name: str) -> str:
        """The resource id of the VM `name`."""
        machines = self.standing.gateway.inventory.machines()
        return next(m.vm.resource_id for m in machines if m.vm.name == name)

    def inventory(self) -> str:
        """The machines, in TOML."""
        return self.hypervisor.inventory(NODE, CONTOSO)

    def guests(self) -> GuestKind:
        """Their agents and their power."""
        return demo_kind(self.hypervisor)

    def terminal_text(self, name: str) -> str:
        """What stands on that machine's screen."""
        machine = self.hypervisor.machine(name)
        assert isinstance(machine, TextMachine)
        text = machine.terminal.text
        return text if isinstance(text, str) else text()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self.loop_factory) as runner:
                runner.run(self._serve())
        except Exception as error:
            if self._up.done():
                raise
            self._up.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        hypervisor = self.hypervisor = DemoHypervisor(pace=0)
        await hypervisor.start()
        try:
            async with standing_gateway(
                self._folder,
                Inventory.parse(self.inventory(), load_kinds()).machines(),
                backends={"demo": DemoBackend(hypervisor)},
                guests={"demo": self.guests()},
                clock=self.clock,
                **self.settings,
            ) as standing:
                self._up.set_result(standing)
                await self._told.wait()
        finally:
            await hypervisor.stop()
