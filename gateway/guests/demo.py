"""The demo's guests: agents that live in memory, behind addresses `demo:name`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.errors import GuestLost, GuestTimedOut, GuestUnreachable
from gateway.guests.ports import AgentFacts, GuestKind
from gateway.policy.facts import Power
from gateway.recovery.calls import LOOK, Answer, Call, Execute, OsInfo, PowerShell, Told


class DemoGuest(Protocol):
    """A guest's agent: `gateway.backends.demo.guest.DemoGuest`."""

    seconds: float
    version: str
    stopped: bool
    hangs: bool
    falls_silent: bool

    def answer(self, call: Call) -> Answer:
        """Do it at once, and say what came of it."""


class DemoMachines(Protocol):
    """Machines with agents: `gateway.backends.demo.DemoHypervisor`."""

    def names(self) -> tuple[str, ...]: ...
    def state(self, name: str) -> Literal["running", "off"]: ...
    def guest(self, name: str) -> DemoGuest: ...


def demo_kind(machines: DemoMachines) -> GuestKind:
    """What `demo:name` leads to, for agents and for power."""

    async def open_agent(rest: str) -> DemoAgent:
        name = _known(machines, rest)
        agent = DemoAgent(machines, name)
        agent.check()
        return agent

    async def ask_power(rest: str) -> Power:
        running = machines.state(_known(machines, rest)) == "running"
        return Power.RUNNING if running else Power.OFF

    return GuestKind(open_agent, ask_power)


@dataclass(frozen=True, slots=True)
class DemoAgent:
    """One use of a guest's agent."""

    machines: DemoMachines
    name: str

    def check(self) -> None:
        """Raises: GuestUnreachable, where the machine is off or its agent stopped."""
        if not self._answers():
            raise GuestUnreachable("the guest agent does not answer")

    async def perform(self, call: Call) -> Answer:
        """Raises: GuestUnreachable, GuestLost."""
        self.check()
        guest = self.machines.guest(self.name)
        await self._hang(call)
        answer = guest.answer(call)
        await asyncio.sleep(guest.seconds)
        if guest.falls_silent or not self._answers():
            raise GuestLost("the guest agent fell silent")
        return answer

    async def facts(self) -> AgentFacts:
        """Raises: GuestUnreachable."""
        self.check()
        guest = self.machines.guest(self.name)
        told = guest.answer(OsInfo())
        facts = told.facts if isinstance(told, Told) else {}
        return AgentFacts(guest.version, facts.get("pretty-name"), facts.get("version-id"))

    async def close(self) -> None:
        """Nothing is held."""

    async def _hang(self, call: Call) -> None:
        """Where the guest hangs: for as long as the call may take. Raises: GuestTimedOut."""
        if self.machines.guest(self.name).hangs:
            patience = call.timeout if isinstance(call, Execute | PowerShell) else LOOK
            await asyncio.sleep(patience)
            raise GuestTimedOut(f"the program still runs after {patience:g} s")

    def _answers(self) -> bool:
        is_running = self.machines.state(self.name) == "running"
        return is_running and not self.machines.guest(self.name).stopped


def _known(machines: DemoMachines, rest: str) -> str:
    name = rest.removeprefix("//")
    if name not in machines.names():
        raise GuestUnreachable(f"the demo has no machine {name!r}")
    return name
