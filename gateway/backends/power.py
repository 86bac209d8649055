"""Asks hypervisors whether VMs run: few questions at once, and none twice within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final
from weakref import WeakValueDictionary

import structlog

from gateway.backends.targets import Target
from gateway.errors import AccountRefused, GatewayError
from gateway.policy.facts import Power

log = structlog.get_logger(__name__)

Ask = Callable[[Target], Awaitable[Power]]

_AT_ONE_HOST: Final = 4  # questions at once; each may be a sign-in there
_IN_ALL: Final = 32
_ANSWER_LIFETIME: Final = 3.0
_FAILURE_LIFETIME: Final = 30.0
_REFUSAL_LIFETIME: Final = 300.0  # Windows locks an account for ten of them in ten minutes


class PowerDesk:
    """INVARIANT: one question about a VM at a time; who asks meanwhile is told its answer.

    INVARIANT: an account that was refused is not tried again for some minutes, whichever of its
    host's VMs is asked for.
    """

    def __init__(
        self,
        *,
        lifetime: float = _ANSWER_LIFETIME,
        failure_lifetime: float = _FAILURE_LIFETIME,
        refusal_lifetime: float = _REFUSAL_LIFETIME,
    ) -> None:
        """In seconds: how long an answer holds, that there was none, and that an account failed."""
        self._lifetime = lifetime
        self._failure_lifetime = failure_lifetime
        self._refusal_lifetime = refusal_lifetime
        self._in_all = asyncio.Semaphore(_IN_ALL)
        self._hosts: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        # Until when they hold: answers by VM, and UNKNOWN by an account that was refused.
        self._known: dict[Hashable, tuple[float, Power]] = {}

    async def ask(self, target: Target, ask: Ask) -> Power:
        """What `ask` says, or said a moment ago; UNKNOWN where it fails. Raises nothing."""
        console = target.console
        host = (console.scheme, console.host, console.port)
        machine = (*host, console.path, console.name, target.vm.key)
        async with self._locks.setdefault(machine, asyncio.Lock()):
            at_host = self._hosts.setdefault(host, asyncio.Semaphore(_AT_ONE_HOST))
            if (known := self._remembered(target, machine)) is not None:
                return known
            async with at_host, self._in_all:
                # Somebody before us may have had the account refused.
                known = self._remembered(target, machine)
                return await self._asked(target, ask, machine) if known is None else known

    async def _asked(self, target: Target, ask: Ask, machine: Hashable) -> Power:
        try:
            return self._remember(machine, await ask(target), self._lifetime)
        except AccountRefused:
            return self._remember(_account(target), Power.UNKNOWN, self._refusal_lifetime)
        except (GatewayError, OSError):
            pass
        except Exception as error:  # noqa: BLE001 - see below
            # A backend may be anybody's. Its words stay out: nobody knows what they hold.
            log.warning("power.failed", scheme=target.console.scheme, error=type(error).__name__)
        return self._remember(machine, Power.UNKNOWN, self._failure_lifetime)

    def _remember(self, what: Hashable, power: Power, lifetime: float) -> Power:
        self._known[what] = (asyncio.get_running_loop().time() + lifetime, power)
        return power

    def _remembered(self, target: Target, machine: Hashable) -> Power | None:
        now = asyncio.get_running_loop().time()
        self._known = {key: kept for key, kept in self._known.items() if now < kept[0]}
        found = self._known.get(machine) or self._known.get(_account(target))
        return None if found is None else found[1]


def _account(target: Target) -> Hashable:
    """With its password: another one is tried at once."""
    console = target.console
    return (console.scheme, console.host, console.port, console.user, console.password)
