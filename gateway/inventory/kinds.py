"""What the inventory asks of a kind of console; `gateway.backends` has them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Protocol
from urllib.parse import SplitResult

from gateway.inventory.machine import ConsoleAddress
from gateway.policy.places import ConsolePlace


class ConsoleKind(Protocol):
    """Understands the addresses of its schemes: `gateway.backends.Kind`."""

    def place(self, url: SplitResult, /) -> ConsolePlace:
        """Raises: ValueError, in words for the inventory's author."""

    def read(self, table: Mapping[str, Any], console: ConsoleAddress, /) -> Hashable | None:
        """What `[machine.SCHEME]` settles. Raises: ValueError, `key: what is wrong with it`."""


Kinds = Mapping[str, ConsoleKind]
