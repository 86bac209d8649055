"""What every action is handed: the gateway's parts, built by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from gateway.actions.floods import Floods
from gateway.bus import Bus
from gateway.consoles.registry import Registry
from gateway.identity import Identity
from gateway.inventory import Machine
from gateway.policy.facts import Vm
from gateway.recovery.calls import Answer, Call
from gateway.store import Checkpoint, Store


class Known(Protocol):
    """What the actions ask of the inventory."""

    def get(self, resource_id: str) -> Machine | None:
        """The machine with that resource id, in whatever case it is written."""

    def machines(self) -> Sequence[Machine]:
        """Every machine."""


class Misses(Protocol):
    """Counts an address's wrong guesses of share-link, set-up and hand-off secrets."""

    def check(self, address: str, now: datetime) -> None:
        """Raises: Throttled, when this address has guessed wrong too often."""

    def missed(self, address: str, now: datetime) -> None:
        """Note one wrong guess."""


class Agent(Protocol):
    """A guest's agent, for as long as it is in use."""

    async def perform(self, call: Call) -> Answer:
        """Raises: GuestUnreachable (nothing was sent), GuestLost (nobody knows what was done)."""


class AgentFacts(Protocol):
    """What a guest's agent says of itself: hostile, bounded text."""

    @property
    def version(self) -> str: ...
    @property
    def os_name(self) -> str | None: ...
    @property
    def os_version(self) -> str | None: ...


class Guests(Protocol):
    """What the actions ask of the guests: `gateway.guests.Guests`."""

    async def power(self, guest: Machine) -> str:
        """A word of `gateway.policy.facts.Power`: running, paused, off, unknown. Raises nothing."""

    def agent(self, guest: Machine) -> AbstractAsyncContextManager[Agent]:
        """The VM's agent, nobody else's meanwhile. Raises: GuestUnreachable, after waiting."""

    async def facts(self, guest: Machine) -> AgentFacts | None:
        """None where the agent does not answer."""


class Recoveries(Protocol):
    """Carries out what was requested."""

    def start(self, action_id: str) -> None:
        """It was committed as requested: begin as soon as its VM is free."""


@dataclass(frozen=True, slots=True)
class Services:
    """INVARIANT: an action reaches nothing but what is in here, its arguments and `policy`."""

    store: Store
    bus: Bus
    identity: Identity
    inventory: Known
    registry: Registry
    misses: Misses
    node: str  # this node's name: operators see and open its consents only
    public_base: str  # scheme://host[:port], what links given to people begin with
    clock: Callable[[], datetime]  # aware UTC
    checkpoints: Callable[[], Sequence[Checkpoint]]  # audit heads kept outside the store; blocks
    guests: Guests
    recoveries: Recoveries
    recovery_timeout: timedelta = timedelta(minutes=90)  # once the guest's agent answers
    floods: Floods = field(default_factory=Floods)
    admin_public_base: str | None = None  # the administrators' endpoint, where there is one

    def vm(self, resource_id: str) -> Vm | None:
        """The VM with that resource id, or None when the inventory does not know it."""
        machine = self.inventory.get(resource_id)
        return machine.vm if machine else None
