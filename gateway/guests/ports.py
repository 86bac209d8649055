"""What the guests' callers see, and what a kind of guest must offer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.policy.facts import Power, Vm
from gateway.recovery.calls import Answer, Call


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What an agent says of itself and its system: short lines of text, nothing to rely on."""

    version: str
    os_name: str | None = None
    os_version: str | None = None


class Agent(Protocol):
    """One guest's agent, for as long as it is in use."""

    async def perform(self, call: Call) -> Answer:
        """Ask it to do that, and wait for what came of it.

        Raises: GuestUnreachable, where nothing was sent; GuestLost, where nobody knows what was
        done.
        """

    async def facts(self) -> AgentFacts:
        """Raises: GuestUnreachable."""

    async def close(self) -> None:
        """Hang up; never raises, never hangs."""


OpenAgent = Callable[[str], Awaitable[Agent]]
AskPower = Callable[[str], Awaitable[Power]]


@dataclass(frozen=True, slots=True)
class GuestKind:
    """What one scheme of addresses leads to. Both are given what follows the scheme's colon.

    `open_agent` makes one attempt of some seconds and raises GuestUnreachable; `ask_power` raises
    nothing but GuestUnreachable.
    """

    open_agent: OpenAgent | None = None
    ask_power: AskPower | None = None


class Guest(Protocol):
    """A VM and where its agent and its power are asked: `gateway.inventory.Machine`."""

    @property
    def vm(self) -> Vm: ...
    @property
    def guest_agent(self) -> str | None: ...
    @property
    def power(self) -> str | None: ...
