"""Asking hypervisors whether VMs run: rarely, few at once, and with no way to do harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from gateway.backends import Backend, Backends, Progress, Target, Upstream
from gateway.backends.power import PowerDesk
from gateway.errors import AccountRefused, UpstreamRefused
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Power, Vm


def machine(number: int, host: str = "hv1", password: str = "old") -> Machine:
    vm = Vm(f"/subscriptions/s/virtualMachines/vm{number}", "s", f"vm{number}", "linux", "n")
    return Machine(vm, ConsoleAddress("fake", host, 1, f"/{number}", password=password))


@dataclass
class Hypervisor:
    """Answers when it is told to, and counts who asks."""

    answer: Power | Exception = Power.OFF
    asked: list[str] = field(default_factory=list)
    waiting: int = 0
    most: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        raise AssertionError("nobody dials")

    async def power(self, target: Target) -> Power:
        self.asked.append(target.vm.name)
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await self.go.wait()
        finally:
            self.waiting -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Mute:
    """A backend that cannot tell."""

    dial: Callable[..., object] | None = None


@pytest.fixture
def hypervisor() -> Hypervisor:
    return Hypervisor()


async def settle() -> None:
    """Let everybody come as far as they can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_backend_that_tells_is_asked(hypervisor: Hypervisor) -> None:
    hypervisor.go.set()
    backends = Backends({"fake": hypervisor})
    assert await backends.power(machine(1)) is Power.OFF
    assert hypervisor.asked == ["vm1"]


async def test_a_backend_that_cannot_tell_leaves_it_unknown() -> None:
    mute: dict[str, Backend] = {"fake": Mute()}  # type: ignore[dict-item]
    assert await Backends(mute).power(machine(1)) is Power.UNKNOWN
    assert await Backends({}).power(machine(1)) is Power.UNKNOWN


async def test_five_hundred_questions_are_few_at_once(hypervisor: Hypervisor) -> None:
    desk = PowerDesk()
    async with asyncio.TaskGroup() as tasks:
        asking = [
            tasks.create_task(desk.ask(machine(number, f"hv{number % 20}"), hypervisor.power))
            for number in range(500)
        ]
        await settle()
        assert hypervisor.most == 32
        hypervisor.go.set()
    assert {task.result() for task in asking} == {Power.OFF}
    assert (hypervisor.most, len(hypervisor.asked)) == (32, 500)


async def test_one_host_is_asked_few_questions_at_once(hypervisor: Hypervisor) -> None:
    desk = PowerDesk()
    async with asyncio.TaskGroup() as tasks:
        for number in range(100):
            tasks.create_task(desk.ask(machine(number), hypervisor.power))
        await settle()
        assert hypervisor.most == 4
        hypervisor.go.set()


async def test_who_asks_meanwhile_is_told_the_same_answer(hypervisor: Hypervisor) -> None:
    desk = PowerDesk(lifetime=3600)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(50):
            tasks.create_task(desk.ask(machine(1), hypervisor.power))
        await settle()
        hypervisor.go.set()
    assert hypervisor.asked == ["vm1"]


async def test_an_answer_does_not_hold_for_long(hypervisor: Hypervisor) -> None:
    hypervisor.go.set()
    desk = PowerDesk(lifetime=0)
    assert await desk.ask(machine(1), hypervisor.power) is Power.OFF
    hypervisor.answer = Power.RUNNING
    assert await desk.ask(machine(1), hypervisor.power) is Power.RUNNING


async def test_a_question_that_failed_is_not_repeated_soon(hypervisor: Hypervisor) -> None:
    hypervisor.go.set()
    hypervisor.answer = UpstreamRefused("no such VM")
    desk = PowerDesk(lifetime=0, failure_lifetime=3600)
    for _ in range(5):
        assert await desk.ask(machine(1), hypervisor.power) is Power.UNKNOWN
    assert hypervisor.asked == ["vm1"]


async def test_a_refused_account_is_tried_once_for_all_its_vms(hypervisor: Hypervisor) -> None:
    """Some hosts lock an account that fails too often."""
    hypervisor.answer = AccountRefused("the password is wrong")
    desk = PowerDesk(lifetime=0, failure_lifetime=0, refusal_lifetime=3600)
    async with asyncio.TaskGroup() as tasks:
        for number in range(100):
            tasks.create_task(desk.ask(machine(number), hypervisor.power))
        await settle()
        hypervisor.go.set()
    assert len(hypervisor.asked) == 4, "those that were under way already"
    assert await desk.ask(machine(200), hypervisor.power) is Power.UNKNOWN
    assert len(hypervisor.asked) == 4
    hypervisor.answer = Power.RUNNING
    for other in (machine(1, "hv2"), machine(1, password="new")):
        assert await desk.ask(other, hypervisor.power) is Power.RUNNING


async def test_who_gives_up_leaves_the_way_to_others(hypervisor: Hypervisor) -> None:
    desk = PowerDesk()
    async with asyncio.TaskGroup() as tasks:
        impatient = [tasks.create_task(desk.ask(machine(n), hypervisor.power)) for n in range(8)]
        await settle()
        for task in impatient:
            task.cancel()
        await settle()
        hypervisor.go.set()
        assert await desk.ask(machine(1), hypervisor.power) is Power.OFF
    assert hypervisor.waiting == 0


async def test_a_backend_that_breaks_its_promise_is_noted_without_its_words(
    hypervisor: Hypervisor,
) -> None:
    hypervisor.go.set()
    hypervisor.answer = KeyError("hunter2")
    with capture_logs() as lines:
        assert await PowerDesk().ask(machine(1), hypervisor.power) is Power.UNKNOWN
    assert [line["error"] for line in lines] == ["KeyError"]
    assert "hunter2" not in str(lines)
