"""Guests to have things done in: each remembers what it was asked, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.errors import GuestUnreachable
from gateway.inventory import Machine
from gateway.recovery.calls import Accepted, Answer, Call, Done, OsInfo, SetPassword, Told

Answering = Callable[[Call], Awaitable[Answer]]

LINUX = {"id": "debian", "name": "Debian GNU/Linux", "version-id": "12", "kernel-version": "6.1"}
WINDOWS = {
    "id": "mswindows",
    "name": "Microsoft Windows",
    "version-id": "2022",
    "pretty-name": "Windows Server 2022 Standard",
    "variant-id": "server",
    "variant": "server",
    "kernel-version": "20348",
    "kernel-release": "20348",
}


async def obliging(call: Call) -> Answer:
    """Everything works at once."""
    match call:
        case OsInfo():
            return Told(LINUX)
        case SetPassword():
            return Accepted()
    return Done(0)


@dataclass
class FakeGuest:
    """One VM from inside."""

    power: str = "running"
    silent: bool = False
    answer: Answering = obliging
    asked: list[Call] = field(default_factory=list)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    most_at_once: int = 0

    async def perform(self, call: Call) -> Answer:
        self.asked.append(call)
        return await self.answer(call)


@dataclass
class FakeGuests:
    """Every VM's guest, by the VM's key; one that was not mentioned is obliging."""

    by_vm: dict[str, FakeGuest] = field(default_factory=dict)

    def of(self, machine: Machine) -> FakeGuest:
        return self.by_vm.setdefault(machine.vm.key, FakeGuest())

    async def power(self, guest: Machine) -> str:
        return self.of(guest).power

    @asynccontextmanager
    async def agent(self, guest: Machine) -> AsyncIterator[FakeGuest]:
        found = self.of(guest)
        if found.silent:
            raise GuestUnreachable("nobody answers")
        async with found.busy:
            yield found

    async def facts(self, guest: Machine) -> None:
        return None


@dataclass
class FakeRecoveries:
    """Remembers what was to be begun."""

    started: list[str] = field(default_factory=list)

    def start(self, action_id: str) -> None:
        self.started.append(action_id)
