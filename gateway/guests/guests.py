"""Reaches any VM's agent, one user at a time, and asks for any VM's power."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

from gateway.errors import GatewayError, GuestUnreachable
from gateway.guests.ports import Agent, AgentFacts, Guest, GuestKind, OpenAgent
from gateway.policy.facts import Power

_POWER_PATIENCE: Final = 5.0
_FIRST_PAUSE: Final = 0.25  # between attempts to open an agent; each is twice the one before
_LONGEST_PAUSE: Final = 5.0
_FACTS_LIFETIME: Final = 30.0


G = TypeVar("G", bound=Guest)


class Guests(Generic[G]):
    """INVARIANT: at most one agent of a VM is in use at any time."""

    def __init__(
        self,
        kinds: Mapping[str, GuestKind],
        wait: float,
        ask_hypervisor: Callable[[G], Awaitable[Power]] | None = None,
    ) -> None:
        """`kinds` by the scheme of an address; `wait`: seconds for an agent that is silent.

        `ask_hypervisor` tells the power where the inventory names nobody else who does; it raises
        nothing but GatewayError.
        """
        self._kinds = dict(kinds)
        self._wait = wait
        self._ask_hypervisor = ask_hypervisor
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._facts: dict[str, tuple[float, AgentFacts | None]] = {}

    async def power(self, guest: G) -> Power:
        """Whether it runs, as far as can be found out within seconds. Raises nothing."""
        try:
            async with asyncio.timeout(_POWER_PATIENCE):
                return await self._ask_power(guest)
        except (TimeoutError, GatewayError):
            return Power.UNKNOWN

    async def _ask_power(self, guest: G) -> Power:
        if guest.power is None and self._ask_hypervisor is not None:
            return await self._ask_hypervisor(guest)
        kind, rest = self._kind(guest.power)
        return Power.UNKNOWN if kind.ask_power is None else await kind.ask_power(rest)

    @asynccontextmanager
    async def agent(self, guest: Guest) -> AsyncIterator[Agent]:
        """The VM's agent, answering and in step, and nobody else's while the block runs.

        Raises: GuestUnreachable, at once where the VM has no agent, or after the wait.
        """
        open_agent, rest = self._way_to(guest)
        async with self._lock(guest):
            agent = await self._open(open_agent, rest)
            try:
                yield agent
            finally:
                await agent.close()

    async def facts(self, guest: Guest) -> AgentFacts | None:
        """What its agent says of itself, asked at most every 30 s and never while it is in use.

        None where it does not answer.
        """
        now = asyncio.get_running_loop().time()
        heard, known = self._facts.get(guest.vm.key, (None, None))
        if heard is not None and now < heard + _FACTS_LIFETIME:
            return known
        lock = self._lock(guest)
        if lock.locked():
            return known
        async with lock:
            found = await self._ask_facts(guest)
        self._facts = {k: v for k, v in self._facts.items() if now < v[0] + _FACTS_LIFETIME}
        self._facts[guest.vm.key] = (now, found)
        return found

    async def _ask_facts(self, guest: Guest) -> AgentFacts | None:
        try:
            open_agent, rest = self._way_to(guest)
            agent = await open_agent(rest)
        except GuestUnreachable:
            return None
        try:
            return await agent.facts()
        except GuestUnreachable:
            return None
        finally:
            await agent.close()

    async def _open(self, open_agent: OpenAgent, rest: str) -> Agent:
        """Try until it answers. Raises: GuestUnreachable, of the last attempt."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait
        pause = _FIRST_PAUSE
        while True:
            try:
                return await open_agent(rest)
            except GuestUnreachable:
                left = deadline - loop.time()
                if left <= 0:
                    raise
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _way_to(self, guest: Guest) -> tuple[OpenAgent, str]:
        if guest.guest_agent is None:
            raise GuestUnreachable(f"the inventory names no guest agent for {guest.vm.name}")
        kind, rest = self._kind(guest.guest_agent)
        if kind.open_agent is None:
            raise GuestUnreachable(f"nothing here speaks to the guest agent of {guest.vm.name}")
        return kind.open_agent, rest

    def _kind(self, address: str | None) -> tuple[GuestKind, str]:
        scheme, _, rest = (address or "").partition(":")
        return self._kinds.get(scheme, GuestKind()), rest

    def _lock(self, guest: Guest) -> asyncio.Lock:
        return self._locks.setdefault(guest.vm.key, asyncio.Lock())
