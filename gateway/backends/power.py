"""Asks hypervisors whether VMs run: few questions at once, and none twice within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final
from weakref import WeakValueDictionary

import structlog

from gateway.backends.targets import Target
from gateway.errors import GatewayError
from gateway.policy.facts import Power

log = structlog.get_logger(__name__)

Ask = Callable[[Target], Awaitable[Power]]

_AT_ONE_HOST: Final = 4  # questions at once; each may be a sign-in there
_IN_ALL: Final = 32
_ANSWER_LIFETIME: Final = 3.0
_FAILURE_LIFETIME: Final = 30.0  # a refused sign-in counts against the account at some hosts


class PowerDesk:
    """INVARIANT: one question about a VM at a time; who asks meanwhile is told its answer."""

    def __init__(
        self, *, lifetime: float = _ANSWER_LIFETIME, failure_lifetime: float = _FAILURE_LIFETIME
    ) -> None:
        """Both in seconds: for how long an answer holds, and for how long that there was none."""
        self._lifetime = lifetime
        self._failure_lifetime = failure_lifetime
        self._in_all = asyncio.Semaphore(_IN_ALL)
        self._hosts: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._known: dict[Hashable, tuple[float, Power]] = {}  # until when it holds

    async def ask(self, target: Target, ask: Ask) -> Power:
        """What `ask` says, or said a moment ago; UNKNOWN where it fails. Raises nothing."""
        console = target.console
        host = (console.scheme, console.host, console.port)
        machine = (*host, console.path, console.name, target.vm.key)
        async with self._locks.setdefault(machine, asyncio.Lock()):
            now = asyncio.get_running_loop().time()
            self._known = {key: kept for key, kept in self._known.items() if now < kept[0]}
            if machine in self._known:
                return self._known[machine][1]
            at_host = self._hosts.setdefault(host, asyncio.Semaphore(_AT_ONE_HOST))
            async with at_host, self._in_all:
                power, lifetime = await self._asked(target, ask)
            self._known[machine] = (asyncio.get_running_loop().time() + lifetime, power)
            return power

    async def _asked(self, target: Target, ask: Ask) -> tuple[Power, float]:
        """The answer, and for how long it holds."""
        try:
            return await ask(target), self._lifetime
        except (GatewayError, OSError):
            return Power.UNKNOWN, self._failure_lifetime
        except Exception as error:  # noqa: BLE001 - see below
            # A backend may be anybody's. Its words stay out: nobody knows what they hold.
            log.warning("power.failed", scheme=target.console.scheme, error=type(error).__name__)
            return Power.UNKNOWN, self._failure_lifetime
