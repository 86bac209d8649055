"""What every action is handed: the gateway's parts, built by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.actions.floods import Floods
from gateway.bus import Bus
from gateway.consoles.registry import Registry
from gateway.identity import Identity
from gateway.inventory import Machine
from gateway.policy.facts import Vm
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
    floods: Floods = field(default_factory=Floods)
    admin_public_base: str | None = None  # the administrators' endpoint, where there is one

    def vm(self, resource_id: str) -> Vm | None:
        """The VM with that resource id, or None when the inventory does not know it."""
        machine = self.inventory.get(resource_id)
        return machine.vm if machine else None
