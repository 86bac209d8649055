"""The demo's hypervisor as backends and consoles meet it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from gateway.backends import Backends, load_kinds
from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.backends.demo.desktop import DesktopMachine
from gateway.backends.demo.text_machine import TextMachine
from gateway.errors import MachineOff, UpstreamUnreachable
from gateway.inventory import ConsoleAddress, Inventory
from gateway.rfb.events import Resized
from gateway.rfb.operations import Copy
from tests.doubles.watching import Watching, ignore, machine_at

SUBSCRIPTION = "c0115050-0000-4000-8000-000000000001"
CONTROL, ALT, DELETE = 0xFFE3, 0xFFE9, 0xFFFF


@pytest.fixture
async def hypervisor() -> AsyncIterator[DemoHypervisor]:
    demo = DemoHypervisor(pace=0)
    await demo.start()
    yield demo
    await demo.stop()


@pytest.fixture
def backends(hypervisor: DemoHypervisor) -> Backends:
    return Backends({"demo": DemoBackend(hypervisor)})


async def dial(backends: Backends, name: str) -> Watching:
    machine = machine_at(ConsoleAddress("demo", name=name), name)
    return Watching(await backends.dial(machine, ignore))


def text_of(hypervisor: DemoHypervisor, name: str = "web01") -> TextMachine:
    machine = hypervisor.machine(name)
    assert isinstance(machine, TextMachine)
    return machine


async def in_step(screen: Watching, hypervisor: DemoHypervisor, name: str = "web01") -> None:
    """Pump until the console shows what the machine shows."""
    machine = hypervisor.machine(name)
    await screen.until(lambda: np.array_equal(screen.pixels, machine.framebuffer.pixels[..., :3]))


async def test_its_inventory_is_an_inventory(hypervisor: DemoHypervisor) -> None:
    inventory = Inventory.parse(hypervisor.inventory("AzS-ERCS01", SUBSCRIPTION), load_kinds())
    machines = inventory.machines()
    assert {machine.vm.subscription_id for machine in machines} == {SUBSCRIPTION.lower()}
    assert [machine.vm.name for machine in machines] == ["web01", "desk01", "off01", "win01"]
    assert [str(machine.console) for machine in machines] == [
        "demo:web01", "demo:desk01", "demo:off01", "demo:win01",
    ]  # fmt: skip


async def test_passwords_are_new_at_every_start(hypervisor: DemoHypervisor) -> None:
    other = DemoHypervisor()
    for name in hypervisor.names():
        assert hypervisor.users(name).keys() == other.users(name).keys()
        assert hypervisor.users(name) != other.users(name)


async def test_a_user_logs_in_over_the_console(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    ((user, password),) = hypervisor.users("web01").items()
    async with await dial(backends, "web01") as screen:
        await in_step(screen, hypervisor)
        screen.type(f"{user}\n{password}\nwhoami\n")
        await screen.until(lambda: text_of(hypervisor).terminal.text().count(f"\n{user}\n"))
        await in_step(screen, hypervisor)


async def test_scrolled_text_arrives_as_copies_and_is_exact(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    ((user, password),) = hypervisor.users("web01").items()
    async with await dial(backends, "web01") as screen:
        screen.type(f"{user}\n{password}\n")
        await in_step(screen, hypervisor)
        for line in ("help", "\n", "help", "\n"):
            screen.type(line)
            await screen.during(0.05)
            await in_step(screen, hypervisor)
        assert any(isinstance(operation, Copy) for operation in screen.operations)


async def test_a_boot_resizes_the_screen() -> None:
    hypervisor = DemoHypervisor(pace=0.2)
    await hypervisor.start()
    async with await dial(Backends({"demo": DemoBackend(hypervisor)}), "web01") as screen:
        assert screen.size == (640, 400)
        await screen.until(lambda: screen.size == (800, 500))
        screen.chord(CONTROL, ALT, DELETE)
        await screen.until(lambda: screen.size == (640, 400))
        await screen.until(lambda: "login:" in text_of(hypervisor).terminal.text())
        await in_step(screen, hypervisor)
        resizes = [event for event in screen.events if isinstance(event, Resized)]
        assert [event.width for event in resizes] == [800, 640, 800]
    await hypervisor.stop()


async def test_many_consoles_see_one_screen_that_outlives_them(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    async with await dial(backends, "web01") as first, await dial(backends, "web01") as second:
        first.type("azure")
        await first.until(lambda: text_of(hypervisor).terminal.text().endswith("azure"))
        second.type("user")
        await second.until(lambda: text_of(hypervisor).terminal.text().endswith("azureuser"))
        await in_step(second, hypervisor)
        await in_step(first, hypervisor)
    async with asyncio.timeout(5):
        while text_of(hypervisor).is_watched:
            await asyncio.sleep(0.01)
    async with await dial(backends, "web01") as third:
        await in_step(third, hypervisor)
        assert text_of(hypervisor).terminal.text().endswith("web01 login: azureuser")


async def test_a_console_that_does_not_read_costs_nothing_and_catches_up(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    ((user, password),) = hypervisor.users("web01").items()
    async with await dial(backends, "web01") as slow, await dial(backends, "web01") as quick:
        quick.type(f"{user}\n{password}\n")
        for _ in range(20):
            quick.type("dmesg\n")
            await quick.during(0.02)
            await in_step(quick, hypervisor)
        await in_step(slow, hypervisor)
        assert slow.frames <= 5 < quick.frames


async def test_the_cursor_blinks_while_somebody_watches(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    async with await dial(backends, "web01") as screen:
        await in_step(screen, hypervisor)
        before = screen.frames
        await screen.during(1.2)
        assert 1 <= screen.frames - before <= 4


async def test_a_switched_off_machine_says_so(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    with pytest.raises(MachineOff):
        await dial(backends, "off01")
    with pytest.raises(UpstreamUnreachable):
        await dial(backends, "none")
    hypervisor.power("off01", on=True)
    assert hypervisor.state("off01") == "running"
    async with await dial(backends, "off01") as screen:
        await in_step(screen, hypervisor, "off01")
        hypervisor.power("off01", on=False)
        await screen.end()
    with pytest.raises(MachineOff):
        await dial(backends, "off01")


async def test_a_dropped_console_comes_back_to_the_same_screen(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    async with await dial(backends, "web01") as screen:
        screen.type("azure")
        await screen.until(lambda: text_of(hypervisor).terminal.text().endswith("azure"))
        hypervisor.drop("web01")
        await screen.end()
    async with await dial(backends, "web01") as screen:
        await in_step(screen, hypervisor)
        assert text_of(hypervisor).terminal.text().endswith("azure")


async def test_a_console_that_speaks_nonsense_is_dropped(hypervisor: DemoHypervisor) -> None:
    wire = await hypervisor.connect("web01")
    assert (await wire.read()).startswith(b"RFB ")
    wire.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await wire.read() == b""
    await wire.close()


def desktop_of(hypervisor: DemoHypervisor) -> DesktopMachine:
    machine = hypervisor.machine("desk01")
    assert isinstance(machine, DesktopMachine)
    return machine


async def test_the_desktop_moves_at_a_moderate_pace(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    async with await dial(backends, "desk01") as screen:
        await screen.until(lambda: screen.frames)
        before = screen.frames
        await screen.during(1.0)
        assert 5 <= screen.frames - before <= 15
        assert screen.upstream.connection.cursor is not None


async def test_the_desktop_stands_still_while_nobody_watches(hypervisor: DemoHypervisor) -> None:
    desktop = desktop_of(hypervisor)
    await asyncio.sleep(0.2)
    before = desktop.framebuffer.pixels.copy()
    await asyncio.sleep(0.3)
    assert np.array_equal(before, desktop.framebuffer.pixels)


async def test_the_desktop_takes_clicks_and_keys(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    desktop = desktop_of(hypervisor)
    async with await dial(backends, "desk01") as screen:
        await screen.until(lambda: screen.frames)
        wallpaper = tuple(screen.pixels[620, 20])
        screen.point(20, 620, 1)
        screen.point(20, 620, 0)
        await screen.until(lambda: tuple(screen.pixels[620, 20]) != wallpaper)
        screen.type("one\ntwo")
        await screen.until(lambda: desktop.notes == ["one", "two"])
        arrow = screen.upstream.connection.cursor
        screen.point(500, 150)  # over the notes
        await screen.until(lambda: screen.upstream.connection.cursor != arrow)


async def test_the_visitor_counts_its_clicks(hypervisor: DemoHypervisor) -> None:
    desktop = desktop_of(hypervisor)
    x, y = desktop.visitor_at
    desktop.pointer(x + 5, y + 5, 1)
    desktop.pointer(x + 6, y + 6, 1)  # still the same press
    desktop.pointer(x + 6, y + 6, 0)
    assert desktop.clicks == 1


async def test_the_desktop_locks_and_opens_to_the_password(
    hypervisor: DemoHypervisor, backends: Backends
) -> None:
    desktop = desktop_of(hypervisor)
    ((_, password),) = hypervisor.users("desk01").items()
    async with await dial(backends, "desk01") as screen:
        screen.chord(CONTROL, ALT, DELETE)
        await screen.until(lambda: desktop.locked)
        await screen.during(0.2)
        paper = screen.pixels[0, 0]
        assert (screen.pixels[:280] == paper).all()  # nothing of the desktop shows
        screen.type("wrong\n")
        await screen.during(0.2)
        assert desktop.locked
        assert (screen.pixels[:280] == paper).all()
        screen.type(f"{password}\n")
        await screen.until(lambda: not desktop.locked)
        await in_step(screen, hypervisor, "desk01")
    assert desktop.notes == [""]
