"""A guest that does what a test says, behind the address `stage:NAME` of an inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from gateway.guests.ports import AgentFacts, GuestKind
from gateway.inventory import Machine
from gateway.policy.facts import Power
from gateway.recovery.calls import Answer, Call
from tests.actions.guests import obliging

SCHEME = "stage"


@dataclass
class StagedGuest:
    """One guest for all machines; `go` lets its answers out."""

    answer: Callable[[Call], Awaitable[Answer]] = obliging
    power: Power = Power.RUNNING
    go: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go.set()

    def kinds(self) -> dict[str, GuestKind]:
        return {SCHEME: GuestKind(open_agent=self._open, ask_power=self._power)}

    def in_(self, machine: Machine) -> Machine:
        """`machine` with this guest inside."""
        address = f"{SCHEME}:{machine.vm.name}"
        return replace(machine, guest_agent=address, power=address)

    async def _open(self, _name: str) -> StagedGuest:
        return self

    async def _power(self, _name: str) -> Power:
        return self.power

    async def perform(self, call: Call) -> Answer:
        self.asked.append(call)
        answer = await self.answer(call)
        await self.go.wait()
        return answer

    async def facts(self) -> AgentFacts:
        return AgentFacts("staged")

    async def close(self) -> None:
        """Nothing to hang up."""
