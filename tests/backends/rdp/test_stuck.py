"""Programs of a console that are there and do nothing: its session ends, and no other one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from gateway.backends import Backends
from tests.backends.rdp import remains
from tests.backends.rdp.servers import RdpServer
from tests.backends.rdp.test_ends import ONLY_XRDP, programs, reason
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.xservers import Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(120)]


@ONLY_XRDP
@pytest.mark.parametrize(
    ("victim", "told"),
    [
        ("xfreerdp", "the RDP client was stopped"),
        ("Xvnc", "the X server of the RDP client was stopped"),
    ],
)
async def test_a_stopped_program_is_noticed(
    server: RdpServer, backends: Backends, victim: str, told: str
) -> None:
    async with Watching(await backends.dial(server.machine(), ignore)) as screen:
        started = remains.processes()
        at = time.monotonic()
        programs()[victim].send_signal(signal.SIGSTOP)
        assert str(await reason(screen, 30)) == told
        print(f"noticed after {time.monotonic() - at:.2f} s")
    assert remains.gone(started, 5.0)


# In FreeRDP's place, with FreeRDP inside: all is well until something happens.
_STAND_IN = """\
#!/bin/sh
exec 3<&0
{freerdp} "$@" <&3 &
sleep 2
{then}
"""
_STALL = "kill -STOP $!"


@ONLY_XRDP
@pytest.mark.parametrize(
    ("then", "told"),
    [
        (f"{_STALL}; while :; do :; done", "the RDP client spins"),
        (f"{_STALL}; sleep 600", "the RDP client hangs"),
        ("exec tail /dev/zero", "the host closed the connection"),  # it keeps a line
    ],
)
async def test_a_program_gone_wrong_ends_its_own_console_and_no_other(
    server: RdpServer,
    behind: Xvnc,
    backends: Backends,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    then: str,
    told: str,
) -> None:
    async with Watching(await backends.dial(server.machine(), ignore)) as other:
        program = tmp_path / "xfreerdp"
        program.write_text(_STAND_IN.format(freerdp=shutil.which("xfreerdp"), then=then))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        async with Watching(await backends.dial(server.machine(), ignore)) as screen:
            assert str(await reason(screen, 30)) == told
        behind.run("xsetroot", "-solid", "#123456")
        await other.until(lambda: tuple(other.pixels[300, 300]) == (0x12, 0x34, 0x56))


@ONLY_XRDP
async def test_a_still_screen_is_left_alone(server: RdpServer, backends: Backends) -> None:
    """The questions that it is asked all the time show nowhere."""
    async with Watching(await backends.dial(server.machine(), ignore)) as screen:
        screen.point(2, 2)
        await screen.during(2)
        frames = screen.frames
        await screen.during(8)
        assert screen.frames - frames <= 1
        assert not screen.ended
