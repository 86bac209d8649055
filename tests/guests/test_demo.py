"""The demo's guests behind their addresses: power, agents, and the ways in which they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.backends import load_kinds
from gateway.backends.demo import DemoHypervisor
from gateway.errors import GuestLost, GuestTimedOut, GuestUnreachable
from gateway.guests import AgentFacts, Guests
from gateway.guests.demo import demo_kind
from gateway.inventory import Inventory, Machine
from gateway.policy.facts import Power
from gateway.recovery.calls import Accepted, Execute, OsInfo, Secret, SetPassword, Told

SUBSCRIPTION = "c0115050-0000-4000-8000-000000000001"
SET_PASSWORD = SetPassword("azureuser", Secret("a new one"))


@pytest.fixture
async def hypervisor() -> AsyncIterator[DemoHypervisor]:
    demo = DemoHypervisor(pace=0)
    await demo.start()
    yield demo
    await demo.stop()


@pytest.fixture
def guests(hypervisor: DemoHypervisor) -> Guests:
    return Guests({"demo": demo_kind(hypervisor)}, wait=0.1)


def machine(hypervisor: DemoHypervisor, name: str) -> Machine:
    machines = Inventory.parse(hypervisor.inventory("node", SUBSCRIPTION), load_kinds()).machines()
    return next(m for m in machines if m.vm.name == name)


async def test_its_power_is_the_machines(hypervisor: DemoHypervisor, guests: Guests) -> None:
    off01 = machine(hypervisor, "off01")
    assert await guests.power(machine(hypervisor, "web01")) is Power.RUNNING
    assert await guests.power(off01) is Power.OFF
    hypervisor.power("off01", on=True)
    assert await guests.power(off01) is Power.RUNNING
    assert await guests.power(replace(off01, power="demo:none")) is Power.UNKNOWN


async def test_a_password_set_by_the_agent_is_the_consoles(
    hypervisor: DemoHypervisor, guests: Guests
) -> None:
    async with guests.agent(machine(hypervisor, "web01")) as agent:
        assert isinstance(await agent.perform(OsInfo()), Told)
        assert await agent.perform(SET_PASSWORD) == Accepted()
    assert hypervisor.users("web01") == {"azureuser": "a new one"}


async def test_agents_tell_their_systems(hypervisor: DemoHypervisor, guests: Guests) -> None:
    win01, web01 = machine(hypervisor, "win01"), machine(hypervisor, "web01")
    assert await guests.facts(win01) == AgentFacts(
        "7.2.0-demo", "Windows Server 2022 Standard", "2022"
    )
    linux = AgentFacts("7.2.0-demo", "Debian GNU/Linux 12 (bookworm)", "12")
    assert await guests.facts(web01) == linux
    assert await guests.facts(machine(hypervisor, "off01")) is None


async def test_a_stopped_agent_or_machine_is_unreachable(
    hypervisor: DemoHypervisor, guests: Guests
) -> None:
    hypervisor.guest("web01").stopped = True
    for name in ("web01", "off01"):
        with pytest.raises(GuestUnreachable):
            async with guests.agent(machine(hypervisor, name)):
                pass
    with pytest.raises(GuestUnreachable):
        async with guests.agent(replace(machine(hypervisor, "web01"), guest_agent="demo:none")):
            pass


async def test_an_agent_that_stops_meanwhile_is_sent_nothing(
    hypervisor: DemoHypervisor, guests: Guests
) -> None:
    before = hypervisor.users("web01")
    async with guests.agent(machine(hypervisor, "web01")) as agent:
        hypervisor.guest("web01").stopped = True
        with pytest.raises(GuestUnreachable):
            await agent.perform(SET_PASSWORD)
    assert hypervisor.users("web01") == before


async def test_a_silent_agent_may_have_done_it(hypervisor: DemoHypervisor, guests: Guests) -> None:
    hypervisor.guest("web01").falls_silent = True
    async with guests.agent(machine(hypervisor, "web01")) as agent:
        with pytest.raises(GuestLost):
            await agent.perform(SET_PASSWORD)
    assert hypervisor.users("web01") == {"azureuser": "a new one"}


async def test_a_machine_that_goes_off_meanwhile_is_lost(
    hypervisor: DemoHypervisor, guests: Guests
) -> None:
    hypervisor.guest("web01").seconds = 0.2
    async with guests.agent(machine(hypervisor, "web01")) as agent, asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(_lost(agent.perform(SET_PASSWORD)))
        await asyncio.sleep(0.05)
        hypervisor.power("web01", on=False)
        assert await asking


async def _lost(asking: object) -> bool:
    with pytest.raises(GuestLost):
        await asking  # type: ignore[misc]
    return True


async def test_a_hanging_program_is_given_up(hypervisor: DemoHypervisor, guests: Guests) -> None:
    hypervisor.guest("web01").hangs = True
    async with guests.agent(machine(hypervisor, "web01")) as agent:
        with pytest.raises(GuestTimedOut):
            await agent.perform(Execute("fsck", ("-As", "-y"), timeout=0.1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await agent.perform(SET_PASSWORD)
    assert hypervisor.guest("web01").heard == []
