"""Dials RDP servers and the consoles of Hyper-V hosts, by FreeRDP in a child process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import SplitResult

from gateway.backends.rdp import options
from gateway.backends.rdp.command import arguments, environment, settings
from gateway.backends.rdp.desktop import Desktop, Order
from gateway.backends.rdp.folders import sweep
from gateway.backends.rdp.keyboard import KeysAlone
from gateway.backends.rdp.options import RdpOptions
from gateway.backends.rdp.upstream import RdpUpstream
from gateway.backends.rdp.verdicts import Outcome, Unexplained, error_of
from gateway.backends.targets import Console, Progress, Step, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.upstream import shake_hands
from gateway.backends.winrm import ask_winrm
from gateway.backends.wire import Wire
from gateway.errors import UpstreamError
from gateway.policy.facts import Power
from gateway.policy.places import ConsolePlace

_POWER_PATIENCE: Final = 3.0  # seconds, out of a dial's ten
_SETTLED: Final = 5.0  # seconds; a host that shows an account out does so sooner


class RdpKind:
    """`hyperv://host:2179/VM-GUID` and `rdp://host:3389`."""

    schemes = ("hyperv", "rdp")

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        return options.place(url)

    def read(self, table: Mapping[str, Any], console: Console) -> RdpOptions:
        """Raises: ValueError."""
        return options.read(table, console)

    def backend(self) -> RdpBackend:
        """Dials both. What gateways that were killed left behind is removed first."""
        sweep()
        return RdpBackend()


class RdpBackend:
    """Each console has a child of its own."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> RdpUpstream:
        """Raises: UpstreamError, RfbError, OSError."""
        try:
            return await self._dial(target, progress)
        except Unexplained as error:
            raise error.where(await self._power_if_told(target)) from None

    async def _dial(self, target: Target, progress: Progress) -> RdpUpstream:
        console, settled = target.console, target.console.options
        assert isinstance(settled, RdpOptions)
        address = await self._answering(console)
        progress(Step.ANSWERED)
        ending = _Ending(hyperv=settled.machine is not None)
        desktop = await Desktop.start(_order(console, settled, address), ending)
        try:
            await desktop.shown()
            ending.shown_at = asyncio.get_running_loop().time()
            _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, desktop.socket)
            # Whoever is let in is told by the child; the X server itself asks for nothing.
            screen = await shake_hands(wire, partial(_pass_on, progress), connection=KeysAlone())
            return RdpUpstream(screen, wire, desktop)
        except BaseException:
            await desktop.close()
            raise

    async def power(self, target: Target) -> Power:
        """Raises: UpstreamError; also where nothing tells it, as of an RDP server."""
        settled = target.console.options
        assert isinstance(settled, RdpOptions)
        if settled.machine is None or settled.winrm is None:
            raise UpstreamError("the entry names no WinRM to ask for the VM's power")
        return await ask_winrm(self._dialler, target.console, settled.machine, settled.winrm)

    async def _power_if_told(self, target: Target) -> Power:
        try:
            async with asyncio.timeout(_POWER_PATIENCE):
                return await self.power(target)
        except (UpstreamError, OSError):  # of which TimeoutError is one
            return Power.UNKNOWN

    async def _answering(self, console: Console) -> str:
        """The address that FreeRDP dials: resolved once, judged, and seen to answer.

        FreeRDP's own words do not tell a closed port from a broken connection.
        """
        assert console.host is not None and console.port is not None
        found = await self._dialler.addresses(console.host)
        address, wire = await self._dialler.reach(found, console.port)
        wire.abort()
        return str(address)


class _Ending:
    """Knows how long a console was shown when it ended."""

    def __init__(self, *, hyperv: bool) -> None:
        self._hyperv = hyperv
        self.shown_at: float | None = None

    def __call__(self, outcome: Outcome) -> UpstreamError:
        now = asyncio.get_running_loop().time()
        settled = self.shown_at is not None and _SETTLED <= now - self.shown_at
        return error_of(outcome, hyperv=self._hyperv, settled=settled)


def _order(console: Console, settled: RdpOptions, address: str) -> Order:
    assert console.user is not None and console.password is not None
    assert console.port is not None
    return Order(
        arguments(console, settled, address),
        environment(console),
        settings(*options.account(console.user)),
        console.password,
        console.port,
        () if console.ca_file is None else (str(console.ca_file),),
        settled.memory,
        settled.run_as,
    )


def _pass_on(progress: Progress, step: Step) -> None:
    if step is not Step.ANSWERED:  # which the host has done already
        progress(step)
