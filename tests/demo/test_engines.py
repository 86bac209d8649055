"""Engines beside the demo: they show a console, fail by themselves, and leave nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

from gateway.backends import Backends, backends_of, load_kinds
from gateway.demo.cast import CONTOSO, NODE
from gateway.demo.engines import ENGINES, Engines
from gateway.demo.engines import engines as engines_module
from gateway.demo.engines import keeper as keeper_module
from gateway.demo.engines.engine import Engine, Plan, Program
from gateway.inventory import Inventory, Machine
from tests.demo import remains
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.programs import need
from tests.hypervisor.qemu import Qmp
from tests.hypervisor.xservers import XServer

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(120)]

KINDS = load_kinds()
BY_VM = {engine.vm: engine for engine in ENGINES}


async def immediately() -> bool:
    return True


async def never() -> bool:
    return False


@dataclass
class Staged:
    """An engine of a test's own."""

    started: list[Program]
    vm: str = "stage01"
    way: str = "staged"
    programs: tuple[str, ...] = ("sh",)
    packages: str = "dash"
    serves: Callable[[], Awaitable[bool]] = immediately
    plans: list[Path] = field(default_factory=list)

    def plan(self, folder: Path) -> Plan:
        self.plans.append(folder)
        return Plan(self.started, self.serves, lambda: 'console = "vnc://127.0.0.1:5901"\n')


def shell(script: str) -> Program:
    return Program("sh", ["-c", script])


def engine_of(vm: str) -> Engine:
    engine = BY_VM[vm]
    need(*engine.programs)
    return engine


def machine_of(engines: Engines) -> Machine:
    (machine,) = Inventory.parse(engines.inventory(NODE, CONTOSO), KINDS).machines()
    return machine


async def shows(screen: Watching, qmp: Qmp, folder: Path, text: str) -> None:
    """Watch until VGA's text memory holds it."""
    path = folder / "text.bin"
    async with asyncio.timeout(60):
        while True:
            qmp.run("pmemsave", val=0xB8000, size=0x8000, filename=str(path))
            if text in path.read_bytes()[::2].decode("cp437"):
                return
            await screen.during(0.2)


@pytest.mark.parametrize("vm", ["boot01", "boot02"])
async def test_the_firmware_shows_a_menu_and_a_command_line_that_take_keys(
    vm: str, temporary: Path
) -> None:
    backends = Backends(backends_of(KINDS))
    async with Engines([engine_of(vm)]) as engines:
        await engines.start()
        assert engines.failed == {}
        machine = machine_of(engines)
        (folder,) = remains.folders(temporary)
        assert folder.stat().st_mode & 0o777 == 0o700
        qmp = Qmp(folder / "power")
        async with Watching(await backends.dial(machine, ignore)) as screen:
            await shows(screen, qmp, folder, f"{vm} finds nothing to boot from")
            screen.type("\n")
            await shows(screen, qmp, folder, "iPXE>")
            for letter in "echo hello\n":
                screen.type(letter)
                await screen.during(0.05)
            await shows(screen, qmp, folder, "   hello")
        qmp.close()
    remains.until_none(temporary)


async def test_the_desktop_shows_what_is_typed(temporary: Path) -> None:
    engine = engine_of("jump01")
    need("xterm", "xwd")
    backends = Backends(backends_of(KINDS))
    async with Engines([engine]) as engines:
        await engines.start()
        assert engines.failed == {}
        (folder,) = remains.folders(temporary)
        behind = behind_the_server(temporary, folder)
        empty = behind.screendump()
        async with Watching(await backends.dial(machine_of(engines), ignore)) as screen:
            await screen.until(lambda: screen.frames)
            screen.point(500, 600)
            screen.type("hello")

            async def same() -> bool:
                await screen.during(0.2)
                shown = behind.screendump()
                return not np.array_equal(shown, empty) and np.array_equal(shown, screen.pixels)

            async with asyncio.timeout(60):
                while not await same():
                    pass
    remains.until_none(temporary)


def behind_the_server(temporary: Path, folder: Path) -> XServer:
    """The X server, which lets in who knows its cookie."""
    (pid,) = [pid for pid, name in remains.processes(temporary).items() if name == "xterm"]
    server = XServer(folder)
    server.display = psutil.Process(pid).environ()["DISPLAY"]
    os.environ["XAUTHORITY"] = str(folder / "xauthority")
    return server


@pytest.fixture(autouse=True)
def _own_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAUTHORITY", "/dev/null")


@pytest.mark.parametrize("vm", list(BY_VM))
async def test_no_secret_stands_where_others_read(vm: str, temporary: Path) -> None:
    async with Engines([engine_of(vm)]) as engines:
        await engines.start()
        (folder,) = remains.folders(temporary)
        secrets = [(folder / name).read_text().strip() for name in ("password", "accounts")
                   if (folder / name).exists()]  # fmt: skip
        for pid in remains.processes(temporary):
            for place in ("cmdline", "environ"):
                text = Path(f"/proc/{pid}/{place}").read_text(errors="replace")
                assert not [secret for secret in secrets if secret in text]


async def test_engines_that_are_not_installed_are_missing(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    async with Engines(ENGINES) as engines:
        await engines.start()
        assert engines.missing == list(ENGINES)
        assert (engines.shown, engines.failed, engines.inventory(NODE, CONTOSO)) == ([], {}, "")
    assert not remains.folders(temporary)


async def test_one_that_fails_is_left_out_with_its_last_words(temporary: Path) -> None:
    broken = Staged([shell("echo fine; printf 'no \\033[1mROM\\n\\n' >&2; exit 3")], serves=never)
    well = Staged([shell("sleep 60")], vm="stage02")
    async with Engines([broken, well]) as engines:
        await engines.start()
        assert engines.failed == {"stage01": "sh ended with status 3: no [1mROM"}
        assert [each.vm for each in engines.shown] == ["stage02"]
        assert len(broken.plans) == 2  # a second attempt, in a folder of its own
        assert remains.folders(temporary) == set(well.plans)
    remains.until_none(temporary)


async def test_one_that_never_serves_is_left_out_in_time(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper_module, "PATIENCE", 0.5)
    monkeypatch.setattr(engines_module, "PATIENCE", 0.5)
    async with Engines([Staged([shell("sleep 60")], serves=never)]) as engines:
        await engines.start()
        assert engines.failed == {"stage01": "it does not serve within 0.5 s"}
        remains.until_none(temporary)


async def test_an_engine_without_its_display_is_left_out(temporary: Path) -> None:
    silent = Program("true", [], is_display=True)
    async with Engines([Staged([silent, shell("sleep 60")], serves=never)]) as engines:
        await engines.start()
        assert engines.failed == {"stage01": "it cannot be started: the X server gave no display"}
    remains.until_none(temporary)


async def test_where_one_program_ends_the_rest_of_its_engine_does(temporary: Path) -> None:
    several = Staged([shell("sleep 60 & wait"), Program("sleep", ["60"])])
    other = Staged([shell("sleep 60")], vm="stage02")
    async with Engines([several, other]) as engines:
        await engines.start()
        (folder,) = several.plans
        await until(lambda: 4 <= len(working_in(temporary, folder)))  # the keeper and three more
        for pid, name in working_in(temporary, folder).items():
            if name == "sleep" and psutil.Process(pid).ppid() in working_in(temporary, folder):
                os.kill(pid, signal.SIGKILL)
                break
        await until(lambda: not folder.exists())
        # The keeper, which removed it, may have a moment to live.
        assert set(working_in(temporary, folder).values()) <= {"python"}
        await until(lambda: not working_in(temporary, folder))
        assert remains.folders(temporary) == set(other.plans)
    remains.until_none(temporary)


async def test_nothing_outlives_a_killed_keeper(temporary: Path) -> None:
    async with Engines([Staged([shell("exec sleep 60")])]) as engines:
        await engines.start()
        await until(lambda: "sleep" in remains.processes(temporary).values())
        for pid, name in remains.processes(temporary).items():
            if name.startswith("python"):
                os.kill(pid, signal.SIGKILL)
        await until(lambda: not remains.processes(temporary))
    remains.until_none(temporary)


async def test_a_start_that_is_cut_short_leaves_nothing(temporary: Path) -> None:
    staged = Staged([shell("sleep 60")], serves=never)
    async with Engines([staged]) as engines:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60) as deadline, asyncio.TaskGroup() as tasks:
                tasks.create_task(engines.start())
                await until(lambda: remains.processes(temporary))
                deadline.reschedule(asyncio.get_running_loop().time())
        remains.until_none(temporary)


def working_in(temporary: Path, folder: Path) -> dict[int, str]:
    return {
        pid: name
        for pid, name in remains.processes(temporary).items()
        if str(Path(f"/proc/{pid}/cwd").readlink()).startswith(str(folder))
    }


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.05)
