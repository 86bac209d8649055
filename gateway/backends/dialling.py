"""Picks the backend for a machine, sets the deadline, and words what went wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from gateway.backends.power import PowerDesk
from gateway.backends.targets import Progress, Step, Target
from gateway.backends.upstream import Upstream
from gateway.errors import UpstreamRefused, UpstreamUnreachable
from gateway.policy.facts import Power

HANDSHAKE_DEADLINE: Final = 10.0


class Backend(Protocol):
    """One way to reach consoles. It may have a `close`: see `Closing`."""

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Connect, authenticate, hand over. Raises: UpstreamError, RfbError, OSError."""


@runtime_checkable
class Closing(Protocol):
    """A backend that holds something beyond its upstreams."""

    async def close(self) -> None:
        """Let go of it; no dial is under way then, and none will come."""


@runtime_checkable
class PowerAware(Protocol):
    """A backend whose hypervisor tells whether a VM runs."""

    async def power(self, target: Target) -> Power:
        """As the hypervisor says now. Raises: UpstreamError, OSError. Sets no deadline."""


class Backends:
    """Dials any machine of the inventory, and asks for its power."""

    def __init__(
        self, by_scheme: Mapping[str, Backend], *, deadline: float = HANDSHAKE_DEADLINE
    ) -> None:
        """`deadline`: seconds for connecting and the whole handshake together."""
        self._by_scheme = dict(by_scheme)
        self._deadline = deadline
        self._power = PowerDesk()

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """An authenticated RFB stream to `target`'s console.

        Raises: UpstreamUnreachable, UpstreamRefused, UpstreamTaken, MachineOff, RfbError.
        """
        backend = self._by_scheme.get(target.console.scheme)
        if backend is None:
            raise UpstreamRefused(f"no backend dials {target.console.scheme} consoles")
        progress(Step.DIALLING)
        try:
            async with asyncio.timeout(self._deadline):
                return await backend.dial(target, progress)
        except TimeoutError as error:
            raise UpstreamUnreachable(
                f"the console gave no screen within {self._deadline:g} s"
            ) from error
        except OSError as error:
            # asyncio's own text holds the address, which is not for every reader.
            why = os.strerror(error.errno) if error.errno else "the connection failed"
            raise UpstreamUnreachable(f"the console cannot be reached: {why}") from error

    async def power(self, target: Target) -> Power:
        """Whether it runs; UNKNOWN where there is no telling. Raises nothing, sets no deadline."""
        backend = self._by_scheme.get(target.console.scheme)
        if not isinstance(backend, PowerAware):
            return Power.UNKNOWN
        return await self._power.ask(target, backend.power)

    async def close(self) -> None:
        """Close every backend that wants it, when all upstreams are."""
        for backend in {id(each): each for each in self._by_scheme.values()}.values():
            if isinstance(backend, Closing):
                await backend.close()
