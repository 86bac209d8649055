"""What a backend asks of the inventory's entries, and what it tells while it dials."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from gateway.policy.facts import Vm


class Step(StrEnum):
    """How far a dial has come; a page says "step 2 of 3: the hypervisor answered"."""

    DIALLING = "dialling"
    ANSWERED = "answered"
    AUTHENTICATED = "authenticated"


Progress = Callable[[Step], None]


class Console(Protocol):
    """Where a console is and how to recognise it: `gateway.inventory.ConsoleAddress`."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def path(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def password(self) -> str | None: ...
    @property
    def tls(self) -> bool: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def pin(self) -> str | None: ...
    @property
    def server_name(self) -> str | None: ...
    @property
    def desktop_name(self) -> str | None: ...
    @property
    def options(self) -> Hashable | None:
        """What the kind's own `read` returned."""


class Target(Protocol):
    """What is dialled: `gateway.inventory.Machine`. Nothing but the inventory makes one."""

    @property
    def vm(self) -> Vm: ...
    @property
    def console(self) -> Console: ...
