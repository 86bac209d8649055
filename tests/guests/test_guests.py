"""Guests as the rest of the gateway meets them: who waits, for how long, and for what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.errors import GuestLost, GuestUnreachable, UpstreamRefused
from gateway.guests import AgentFacts, GuestKind, Guests
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Power, Vm
from gateway.recovery.calls import Accepted, Answer, Call, OsInfo

VM = Vm("/subscriptions/s/virtualMachines/Web01", "s", "web01", "linux", "n")
OTHER_VM = Vm("/subscriptions/s/virtualMachines/db01", "s", "db01", "linux", "n")
CONSOLE = ConsoleAddress("demo", name="web01")
WEB01 = Machine(VM, CONSOLE, "fake:web01", "fake:web01")
DB01 = Machine(OTHER_VM, CONSOLE, "fake:db01", "fake:db01")


@dataclass
class Fakes:
    """A kind of guest whose agents count how they are used."""

    unreachable: int = 0  # so many attempts fail
    attempts: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    power: Power | Exception = Power.RUNNING
    lost: bool = False

    async def open_agent(self, rest: str) -> FakeAgent:
        self.attempts.append(rest)
        await asyncio.sleep(0)
        if 0 < self.unreachable:
            self.unreachable -= 1
            raise GuestUnreachable("the fake is not there")
        assert rest not in self.used, "two users at once"
        self.used.add(rest)
        return FakeAgent(self, rest)

    async def ask_power(self, rest: str) -> Power:
        if isinstance(self.power, Exception):
            raise self.power
        return self.power


@dataclass
class FakeAgent:
    fakes: Fakes
    name: str

    async def perform(self, call: Call) -> Answer:
        if self.fakes.lost:
            raise GuestLost("the fake fell silent")
        return Accepted()

    async def facts(self) -> AgentFacts:
        self.fakes.asked.append(self.name)
        if self.fakes.lost:
            raise GuestUnreachable("the fake fell silent")
        return AgentFacts("7.2", "Debian", "12")

    async def close(self) -> None:
        self.fakes.used.discard(self.name)


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


@pytest.fixture
def guests(fakes: Fakes) -> Guests:
    return Guests({"fake": GuestKind(fakes.open_agent, fakes.ask_power)}, wait=1.0)


@asynccontextmanager
async def using(guests: Guests, machine: Machine) -> AsyncIterator[asyncio.Event]:
    """Somebody uses the agent until the block ends or the event is set."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def use() -> None:
        async with guests.agent(machine):
            entered.set()
            await leave.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(use())
        await entered.wait()
        try:
            yield leave
        finally:
            leave.set()


async def test_an_agent_is_used_by_one_at_a_time(guests: Guests, fakes: Fakes) -> None:
    order = []

    async def use(name: str) -> None:
        async with guests.agent(WEB01) as agent:
            order.append(f"{name} in")
            await agent.perform(OsInfo())
            await asyncio.sleep(0)
            order.append(f"{name} out")

    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b", "c"):
            tasks.create_task(use(name))
    assert order == ["a in", "a out", "b in", "b out", "c in", "c out"]
    assert fakes.attempts == ["web01"] * 3


async def test_case_does_not_make_another_vm(guests: Guests) -> None:
    shouted = Machine(Vm(VM.resource_id.upper(), "s", "web01", "linux", "n"), CONSOLE, "fake:web01")
    async with using(guests, WEB01):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), guests.agent(shouted):
                pass


async def test_one_vms_agent_does_not_wait_for_anothers(guests: Guests) -> None:
    async with using(guests, WEB01), asyncio.timeout(1), guests.agent(DB01) as agent:
        assert await agent.perform(OsInfo()) == Accepted()


async def test_an_agent_is_free_again_however_its_use_ended(guests: Guests, fakes: Fakes) -> None:
    fakes.lost = True
    with pytest.raises(GuestLost):
        async with guests.agent(WEB01) as agent:
            await agent.perform(OsInfo())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), guests.agent(WEB01):
            await asyncio.sleep(60)
    async with asyncio.timeout(1), guests.agent(WEB01):
        assert fakes.used == {"web01"}
    assert fakes.used == set()


async def test_an_agent_that_comes_up_late_is_waited_for(guests: Guests, fakes: Fakes) -> None:
    fakes.unreachable = 2
    async with guests.agent(WEB01) as agent:
        assert await agent.perform(OsInfo()) == Accepted()
    assert len(fakes.attempts) == 3


async def test_an_agent_that_stays_away_is_unreachable(guests: Guests, fakes: Fakes) -> None:
    fakes.unreachable = 1000
    with pytest.raises(GuestUnreachable, match="the fake is not there"):
        async with guests.agent(WEB01):
            pass
    assert 3 <= len(fakes.attempts) < 10


@pytest.mark.parametrize("address", [None, "other:web01", "nonsense"])
async def test_a_vm_without_an_agent_is_unreachable_at_once(
    address: str | None, fakes: Fakes
) -> None:
    guests = Guests({"fake": GuestKind(open_agent=fakes.open_agent)}, wait=3600)
    machine = Machine(VM, CONSOLE, guest_agent=address, power=address)
    with pytest.raises(GuestUnreachable, match="web01"):
        async with guests.agent(machine):
            pass
    assert await guests.power(machine) is Power.UNKNOWN
    assert await guests.facts(machine) is None


@pytest.mark.parametrize("power", [Power.RUNNING, Power.PAUSED, Power.OFF])
async def test_power_is_what_the_hypervisor_says(
    power: Power, guests: Guests, fakes: Fakes
) -> None:
    fakes.power = power
    assert await guests.power(WEB01) is power


@pytest.mark.parametrize("error", [GuestUnreachable("no"), TimeoutError()])
async def test_power_that_cannot_be_asked_is_unknown(
    error: Exception, guests: Guests, fakes: Fakes
) -> None:
    fakes.power = error
    assert await guests.power(WEB01) is Power.UNKNOWN


async def test_facts_are_asked_once_in_a_while(guests: Guests, fakes: Fakes) -> None:
    for _ in range(3):
        assert await guests.facts(WEB01) == AgentFacts("7.2", "Debian", "12")
    assert fakes.asked == ["web01"]
    await guests.facts(DB01)
    assert fakes.asked == ["web01", "db01"]
    assert fakes.used == set()


async def test_facts_never_wait_for_an_agent_in_use(guests: Guests, fakes: Fakes) -> None:
    async with using(guests, WEB01), asyncio.timeout(1):
        assert await guests.facts(WEB01) is None
    assert await guests.facts(WEB01) is not None


async def test_silence_is_no_fact_and_not_waited_for_again(guests: Guests, fakes: Fakes) -> None:
    fakes.unreachable = 1
    assert await guests.facts(WEB01) is None
    assert await guests.facts(WEB01) is None
    assert len(fakes.attempts) == 1
    fakes.lost = True
    assert await guests.facts(DB01) is None
    assert fakes.used == set()


async def test_the_hypervisor_is_asked_where_an_entry_names_nobody(fakes: Fakes) -> None:
    asked: list[str] = []

    async def ask(machine: Machine) -> Power:
        asked.append(machine.vm.name)
        return Power.OFF

    guests = Guests[Machine]({"fake": GuestKind(ask_power=fakes.ask_power)}, 1.0, ask)
    assert await guests.power(Machine(VM, CONSOLE)) is Power.OFF
    assert await guests.power(DB01) is Power.RUNNING
    assert asked == ["web01"]


async def test_a_hypervisor_that_cannot_tell_leaves_it_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(_machine: Machine) -> Power:
        raise UpstreamRefused("no")

    async def stall(_machine: Machine) -> Power:
        return await asyncio.Future[Power]()

    monkeypatch.setattr("gateway.guests.guests._POWER_PATIENCE", 0.05)
    for ask in (refuse, stall):
        assert await Guests[Machine]({}, 1.0, ask).power(Machine(VM, CONSOLE)) is Power.UNKNOWN
