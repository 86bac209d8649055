"""A real guest's agent, through `Guests`: what it is asked happens in the guest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import GuestTimedOut, GuestUnreachable
from gateway.guests import Guests, qemu_kinds
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Power, Vm
from gateway.recovery.calls import (
    Accepted,
    Declined,
    Done,
    Execute,
    OsInfo,
    Secret,
    SetPassword,
    Told,
)
from gateway.recovery.handlers import GuestOs, handler_for
from gateway.recovery.kinds import ActionKind, request_for
from gateway.recovery.plan import Plan, Run, Success, plan_for
from tests.hypervisor.console_visit import at_loopback, consented_console
from tests.hypervisor.guest import PASSWORD, USER
from tests.hypervisor.qemu import Qemu
from tests.hypervisor.typed import log_in, shows

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

NEW_PASSWORD = "fresh-7-password"  # what can be typed without Shift
BOOTING = 90.0


def machine(qemu: Qemu) -> Machine:
    vm = Vm("/subscriptions/s/virtualMachines/real01", "s", "real01", "linux", "node")
    return Machine(
        vm,
        ConsoleAddress("vnc", host="127.0.0.1", port=qemu.port),
        guest_agent=f"qga+unix://{qemu.agent_path}",
        power=f"qmp+unix://{qemu.control_path}",
    )


@pytest.fixture
def guests() -> Guests:
    return Guests(qemu_kinds(), wait=BOOTING)


async def test_the_agent_says_what_it_runs_in(recovered: Qemu, guests: Guests) -> None:
    async with guests.agent(machine(recovered)) as agent:
        told = await agent.perform(OsInfo())
    assert isinstance(told, Told)
    assert told.facts["id"] == "debian"
    assert told.facts["machine"] == "x86_64"
    facts = await guests.facts(machine(recovered))
    assert facts is not None
    assert facts.version
    assert (facts.os_name, facts.os_version) == ("Guest of the tests 12", "12")


async def test_a_password_that_the_agent_set_logs_in_at_the_console(
    recovered: Qemu, guests: Guests, tmp_path: Path
) -> None:
    set_password = plan(ActionKind.SET_PASSWORD, user=USER, password=NEW_PASSWORD)
    assert isinstance(await carry_out(guests, recovered, set_password), Success)
    async with (
        consented_console(tmp_path, at_loopback(recovered.port)) as visit,
        visit.operator() as operator,
    ):
        await shows(operator, recovered, "guest login:")
        await log_in(operator, recovered, USER, PASSWORD)
        await shows(operator, recovered, "Login incorrect")
        await log_in(operator, recovered, USER, NEW_PASSWORD)
        await operator.type("pwd\n")
        await shows(operator, recovered, "/home")
        await operator.type("exit\n")
        await operator.sees(recovered.screendump)
    async with guests.agent(machine(recovered)) as agent:
        assert await agent.perform(SetPassword(USER, Secret(PASSWORD))) == Accepted()


async def test_the_guests_file_systems_are_checked_and_repaired(
    recovered: Qemu, guests: Guests
) -> None:
    async with guests.agent(machine(recovered)) as agent:
        done = await agent.perform(Execute("fsck", ("-As", "-y")))
    assert isinstance(done, Done)
    assert "/dev/vda: clean" in done.stdout
    assert isinstance(await carry_out(guests, recovered, plan(ActionKind.CHECK_DISK)), Success)
    mount = plan(ActionKind.REPAIR_DISK, disk_name="data")
    async with guests.agent(machine(recovered)) as agent:
        assert await agent.perform(Execute("mount", ("/data",))) == Done(0)
    assert isinstance(await carry_out(guests, recovered, mount), Success)
    async with guests.agent(machine(recovered)) as agent:
        assert await agent.perform(Execute("umount", ("/data",))) == Done(0)  # mounted again


async def test_programs_run_in_the_guest(recovered: Qemu, guests: Guests) -> None:
    async with guests.agent(machine(recovered)) as agent:
        script = ("-c", "cat; echo wrong >&2; exit 5")
        said = await agent.perform(Execute("/bin/sh", script, Secret("from stdin\n")))
        assert said == Done(5, "***", "wrong\n")  # it said the secret back
        killed = await agent.perform(Execute("/bin/sh", ("-c", "kill -9 $$")))
        assert killed == Done(None)
        long = await agent.perform(Execute("head", ("-c", "300000", "/dev/zero")))
        assert isinstance(long, Done)
        assert (len(long.stdout), long.truncated) == (64 * 1024, True)
        with pytest.raises(GuestTimedOut):
            await agent.perform(Execute("sleep", ("3",), timeout=0.5))
        assert isinstance(await agent.perform(Execute("no-such-program")), Declined)
        nobody = await agent.perform(SetPassword("nobody", Secret(NEW_PASSWORD)))
        assert isinstance(nobody, Declined)


async def test_a_stale_answer_of_a_connection_that_left_is_not_ours(
    recovered: Qemu, guests: Guests
) -> None:
    async with guests.agent(machine(recovered)):
        pass  # it is up
    _, writer = await asyncio.open_unix_connection(str(recovered.agent_path))
    for _ in range(3):
        writer.write(b'{"execute": "guest-get-osinfo"}\n{"execute": "guest-i')
    await writer.drain()
    writer.close()
    async with guests.agent(machine(recovered)) as agent:
        assert await agent.perform(Execute("echo", ("ours",))) == Done(0, "ours\n")


async def test_an_agent_that_was_stopped_is_unreachable_until_it_is_back(
    recovered: Qemu, guests: Guests
) -> None:
    away = "touch /run/no-agent; (sleep 0.3; killall qemu-ga; sleep 8; rm /run/no-agent) &"
    async with guests.agent(machine(recovered)) as agent:
        assert await agent.perform(Execute("/bin/sh", ("-c", f"({away}) >/dev/null 2>&1"))) == Done(
            0
        )
        await asyncio.sleep(1)
        with pytest.raises(GuestUnreachable):
            await agent.perform(SetPassword(USER, Secret("never sent")))
    assert await guests.power(machine(recovered)) is Power.RUNNING
    async with guests.agent(machine(recovered)) as agent:  # waits for it
        assert isinstance(await agent.perform(OsInfo()), Told)


async def test_a_paused_guest_says_nothing_and_is_paused(recovered: Qemu, guests: Guests) -> None:
    async with guests.agent(machine(recovered)):
        pass  # it is up
    assert await guests.power(machine(recovered)) is Power.RUNNING
    recovered.qmp.run("stop")
    try:
        assert await guests.power(machine(recovered)) is Power.PAUSED
        with pytest.raises(GuestUnreachable):
            async with Guests(qemu_kinds(), wait=0).agent(machine(recovered)):
                pass
    finally:
        recovered.qmp.run("cont")
    assert await guests.power(machine(recovered)) is Power.RUNNING
    async with guests.agent(machine(recovered)) as agent:
        assert isinstance(await agent.perform(OsInfo()), Told)


async def test_a_guest_whose_qemu_is_gone_is_off(
    firmware: Callable[..., Qemu], guests: Guests
) -> None:
    gone = firmware()
    assert await guests.power(machine(gone)) is Power.RUNNING
    gone.kill()
    assert await guests.power(machine(gone)) is Power.OFF
    paused = firmware(paused=True)
    assert await guests.power(machine(paused)) is Power.PAUSED


def plan(kind: ActionKind, **wanted: str) -> Plan:
    """What a page's button leads to."""
    handler = handler_for(GuestOs.LINUX)
    made = plan_for(request_for(kind, GuestOs.LINUX, **wanted), handler)
    assert isinstance(made, Plan), made
    return made


async def carry_out(guests: Guests, qemu: Qemu, made: Plan) -> object:
    """Ask the guest what the plan asks; how that ended."""
    run = Run(made)
    async with guests.agent(machine(qemu)) as agent:
        while (step := run.next()) is not None:
            run.answered(step, await agent.perform(step.call))
    return run.outcome
