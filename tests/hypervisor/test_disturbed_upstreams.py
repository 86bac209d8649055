"""Every kind of upstream, disturbed while people look at it: what they are told, and when."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from gateway.backends import Backends, backends_of, load_kinds
from gateway.consoles.link import TIMING, Timing
from gateway.consoles.session import Waiting
from gateway.consoles.states import ConsoleState
from tests.backends.rdp import remains
from tests.doubles.console_stage import ORIGIN, Stage, staged
from tests.hypervisor.gateway_viewer import GatewayViewer
from tests.hypervisor.upstream_kinds import ALL, RDP, WEBSOCKETS, Disturbed, Engines, disturbed

pytestmark = [
    pytest.mark.hypervisor,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("own_temporary_files"),
]

KINDS = load_kinds()
# A link that is as it is but for its patience.
HASTY = Timing(
    first_retry=0.2, last_retry=0.5, taken=1.0, refused=0.5, quiet=1.0, dead=2.0, settled=1.0
)


@dataclass
class Scene:
    """A live session of two people."""

    room: Disturbed
    stage: Stage
    operator: GatewayViewer
    tenant: GatewayViewer

    async def becomes(self, state: str, within: float = 30.0) -> ConsoleState:
        async with asyncio.timeout(within):
            async for view in self.stage.session.changes():
                if view.state.name == state:
                    return view.state
        raise AssertionError(f"the session ended before it was {state}")

    async def shows(self) -> None:
        """Both see, pixel by pixel, what the hypervisor shows by now."""
        await asyncio.to_thread(self.room.change)
        for viewer in (self.operator, self.tenant):
            await viewer.sees(self.room.screendump)
            assert viewer.open


@asynccontextmanager
async def watched(room: Disturbed, timing: Timing = TIMING) -> AsyncIterator[Scene]:
    dialler = Backends(backends_of(KINDS))
    async with (
        staged(machine=room.machine, dialler=dialler, waiting=Waiting(link=timing)) as stage,
        GatewayViewer.opened(stage.url, ORIGIN, None, ticket="operator") as operator,
        GatewayViewer.opened(stage.url, ORIGIN, None, ticket="tenant") as tenant,
    ):
        scene = Scene(room, stage, operator, tenant)
        for viewer in (operator, tenant):
            await viewer.until(lambda: viewer.connection.ready)  # noqa: B023 - awaited at once
        await operator.point(2, 2)  # Xvnc paints a pointer that nobody put where it is
        await scene.becomes("live")
        yield scene


@pytest.mark.parametrize("kind", ALL)
async def test_a_reset_is_told_at_once_and_the_picture_comes_back(
    kind: str, engines: Engines, tmp_path: Path
) -> None:
    async with disturbed(kind, engines, tmp_path) as room, watched(room) as scene:
        await scene.shows()
        at = time.monotonic()
        room.proxy.reset()
        await scene.becomes("reconnecting")
        told = time.monotonic() - at
        await scene.becomes("live")
        back = time.monotonic() - at
        await scene.operator.point(2, 2)
        await scene.shows()
        print(f"{kind}: told after {told:.2f} s, back after {back:.2f} s")
        assert told < 2
        assert back < 5
        assert room.proxy.live == 1


@pytest.mark.parametrize("kind", ALL)
async def test_a_half_closed_connection_is_left(
    kind: str, engines: Engines, tmp_path: Path
) -> None:
    async with disturbed(kind, engines, tmp_path) as room, watched(room, HASTY) as scene:
        at = time.monotonic()
        room.proxy.half_close()
        await scene.becomes("reconnecting")
        assert time.monotonic() - at < 2
        await scene.becomes("live")
        await scene.operator.point(2, 2)
        await scene.shows()


@pytest.mark.parametrize("kind", ALL)
async def test_one_byte_at_a_time_and_late_shows_the_same_picture(
    kind: str, engines: Engines, tmp_path: Path
) -> None:
    async with disturbed(kind, engines, tmp_path) as room:
        room.proxy.towards_client.slice_size = 7  # a first picture is a megabyte
        if kind != "wss":  # QEMU 7.2 dies of a handshake in pieces, where it speaks TLS itself
            room.proxy.towards_server.slice_size = 1
        async with watched(room) as scene:
            if kind != "rdp":  # xrdp sends a megabyte for each picture
                room.proxy.towards_client.slice_size = 1
            room.proxy.towards_client.latency = 0.5
            dialled = room.proxy.accepted
            await scene.shows()
            assert room.proxy.accepted == dialled


@pytest.mark.parametrize("kind", WEBSOCKETS)
async def test_a_black_hole_is_noticed(kind: str, engines: Engines, tmp_path: Path) -> None:
    async with disturbed(kind, engines, tmp_path) as room, watched(room, HASTY) as scene:
        await scene.shows()
        room.proxy.black_hole()
        await scene.becomes("reconnecting")
        room.proxy.heal()
        await scene.becomes("live")
        await scene.shows()
    assert TIMING.quiet + TIMING.dead <= 10


@pytest.mark.parametrize("kind", RDP)
async def test_a_host_that_hangs_is_noticed(kind: str, engines: Engines, tmp_path: Path) -> None:
    """What shows it answers all the while: FreeRDP does not ask, and the kernel takes what it says.

    `tests.backends.rdp.test_vigil` has the seconds.
    """
    async with disturbed(kind, engines, tmp_path) as room, watched(room) as scene:
        await scene.shows()
        await questions(room, 5)
        at = time.monotonic()
        room.proxy.black_hole()
        await scene.becomes("reconnecting")
        print(f"{kind}: told after {time.monotonic() - at:.2f} s")
        room.proxy.heal()
        await scene.becomes("live")
        await scene.operator.point(2, 2)
        await scene.shows()


@pytest.mark.parametrize("kind", ALL)
async def test_there_is_one_upstream_at_a_time(kind: str, engines: Engines, tmp_path: Path) -> None:
    async with disturbed(kind, engines, tmp_path) as room, watched(room, HASTY) as scene:
        counted: list[int] = []

        async def count() -> None:
            while True:
                counted.append(room.upstreams())  # in no thread: QMP is one command at a time
                await asyncio.sleep(0.1)

        counting = asyncio.create_task(count())
        for fault in (room.proxy.reset, room.proxy.half_close, room.proxy.reset):
            fault()
            await scene.becomes("reconnecting")
            scene.stage.session.retry()  # as somebody does who does not want to wait
            await scene.becomes("live")
        counting.cancel()
        assert set(counted) <= {0, 1}
        assert room.upstreams() == 1


# FreeRDP, until another client takes the console: no server here throws one out.
_TAKEN = """\
#!/bin/sh
exec 3<&0
{freerdp} "$@" <&3 &
sleep 2
echo "ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION (0x00000005):Another user connected"
exit 5
"""


@pytest.mark.parametrize("kind", RDP)
async def test_a_console_that_another_client_took_is_left_to_it(
    kind: str, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "xfreerdp"
    program.write_text(_TAKEN.format(freerdp=shutil.which("xfreerdp")))
    program.chmod(0o755)
    async with disturbed(kind, engines, tmp_path) as room:
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            async with watched(room, HASTY) as scene:
                await scene.becomes("taken")
                dialled = room.proxy.accepted
                await asyncio.sleep(3 * HASTY.taken)
                assert room.proxy.accepted == dialled
                patch.undo()
                scene.stage.session.retry()
                await scene.becomes("live")
                await scene.operator.point(2, 2)
                await scene.shows()


async def questions(room: Disturbed, count: int) -> None:
    """Until FreeRDP has said so many things that nobody typed, some of them in two pieces."""
    said, at_rest = 0, room.proxy.towards_server.passed
    async with asyncio.timeout(60):
        while said < count:
            await asyncio.sleep(0.3)
            said += at_rest != room.proxy.towards_server.passed
            at_rest = room.proxy.towards_server.passed


async def test_a_crash_disturbs_nobody_else(engines: Engines, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with (
        disturbed("rdp", engines, tmp_path) as room,
        watched(room) as scene,
        disturbed("hyperv", engines, tmp_path / "other") as undisturbed,
        watched(undisturbed) as other,
    ):
        await scene.shows()
        victim = next(p for p in remains.programs("xfreerdp") if room.proxy.port in ports(p))
        at = time.monotonic()
        victim.send_signal(signal.SIGSEGV)
        await scene.becomes("reconnecting")
        told = time.monotonic() - at
        await scene.becomes("live")
        await scene.operator.point(2, 2)
        await scene.shows()
        await other.shows()
        assert undisturbed.proxy.accepted == 2  # to look whether it answers, and for good
        print(f"told after {told:.2f} s")
        assert told < 2


def ports(process: psutil.Process) -> set[int]:
    """Where it is connected to."""
    return {each.raddr.port for each in process.net_connections() if each.raddr}
