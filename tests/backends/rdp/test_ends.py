"""How consoles end: each for its own reason, and nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from gateway.backends import Backends
from gateway.backends.rdp.options import RdpOptions
from gateway.errors import AccountRefused, UpstreamError, UpstreamRefused, UpstreamTakenOver
from tests.backends.rdp import remains
from tests.backends.rdp.servers import PASSWORD, RdpServer, rdp_machine
from tests.doubles.watching import Watching, ignore

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(120)]

ONLY_NLA = pytest.mark.parametrize("server", ["nla"], indirect=True)
ONLY_XRDP = pytest.mark.parametrize("server", ["xrdp"], indirect=True)


async def reason(screen: Watching, within: float = 5.0) -> Exception:
    """What its owner is told."""
    try:
        await screen.until(lambda: False, within)
    except (UpstreamError, ConnectionError) as error:
        return error
    raise AssertionError("it did not end")


def programs() -> dict[str, psutil.Process]:
    return remains.children_of(os.getpid())


@ONLY_NLA
async def test_a_wrong_password_is_the_hosts_refusal(server: RdpServer, backends: Backends) -> None:
    with pytest.raises(
        AccountRefused, match="the host refused the account: it broke off the login"
    ):
        await backends.dial(server.machine(password="wrong"), ignore)
    # One attempt is one attempt: hosts lock accounts out.
    log = server.child.log.read_text(errors="replace")
    assert log.count("CompleteAuthToken status SEC_E_MESSAGE_ALTERED") <= 2  # two lines for each


@ONLY_NLA
async def test_the_password_is_nowhere_to_be_read(server: RdpServer, backends: Backends) -> None:
    found: list[str] = []

    async def look() -> None:
        own = os.getpid()
        for child in [psutil.Process(own), *psutil.Process(own).children(recursive=True)]:
            for place in ("cmdline", "environ"):
                try:
                    text = Path(f"/proc/{child.pid}/{place}").read_bytes()
                except OSError:
                    continue
                if PASSWORD.encode() in text:
                    found.append(f"{child.pid} {place}")
        for folder in remains.folders():
            for file in folder.rglob("*"):
                try:
                    if file.is_file() and PASSWORD.encode() in file.read_bytes():
                        found.append(str(file))
                except OSError:
                    continue

    dialling = asyncio.create_task(backends.dial(server.machine(), ignore))
    looks = 0
    while not dialling.done():
        await look()
        looks += 1
        await asyncio.sleep(0.01)
    async with Watching(await dialling) as screen:
        await screen.until(lambda: screen.frames)
        assert {"Xvnc", "xfreerdp"} <= set(programs())
        await look()
    assert 10 < looks
    assert found == []


@ONLY_XRDP
async def test_the_screen_is_nobody_elses(server: RdpServer, backends: Backends) -> None:
    before = remains.folders()
    async with Watching(await backends.dial(server.machine(), ignore)):
        (folder,) = remains.folders() - before
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {(file.name, file.stat().st_mode & 0o777) for file in folder.glob("[!.]*")} == {
            ("vnc", 0o600), ("xauthority", 0o600)
        }  # fmt: skip
        xfreerdp = programs()["xfreerdp"]
        display = xfreerdp.environ()["DISPLAY"]
        allowed = {"DISPLAY": display, "XAUTHORITY": str(folder / "xauthority")}
        for environment, may in (({"DISPLAY": display, "XAUTHORITY": "/dev/null"}, False),
                                 (allowed, True)):  # fmt: skip
            looked = subprocess.run(
                ["xwd", "-root", "-silent"],
                check=False,
                env=os.environ | environment,
                capture_output=True,
            )
            assert (looked.returncode == 0) is may
        assert not [c for c in programs()["Xvnc"].net_connections() if c.family.name == "AF_INET"]


@ONLY_XRDP
async def test_its_programs_are_bounded(server: RdpServer, backends: Backends) -> None:
    async with Watching(await backends.dial(server.machine(), ignore)):
        for name in ("Xvnc", "xfreerdp"):
            process = programs()[name]
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status
            assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
            assert process.rlimit(psutil.RLIMIT_NOFILE) == (256, 256)
            assert process.rlimit(psutil.RLIMIT_DATA) == (512 << 20, 512 << 20)
            assert os.getpgid(process.pid) == process.pid
            files = {path for path in process.open_files() if "eva-rdp-" not in path.path}
            assert not [each for each in files if each.path.endswith((".sqlite3", ".pem"))]
            wanted = {"PATH", "HOME", "TMPDIR", "XAUTHORITY", "LANG", "MALLOC_ARENA_MAX"}
            assert set(process.environ()) - wanted <= {"DISPLAY", "SSL_CERT_FILE", "SSL_CERT_DIR"}


@ONLY_XRDP
@pytest.mark.parametrize(
    ("victim", "number", "told"),
    [
        ("xfreerdp", signal.SIGSEGV, "the RDP client was ended by SIGSEGV"),
        ("Xvnc", signal.SIGKILL, "the X server of the RDP client ended"),
        ("launcher", signal.SIGKILL, "the RDP client's child ended"),
    ],
)
async def test_a_crash_is_that_sessions_end(
    server: RdpServer, backends: Backends, victim: str, number: int, told: str
) -> None:
    folders = remains.folders()
    async with Watching(await backends.dial(server.machine(), ignore)) as screen:
        started = remains.processes()
        process = programs().get(victim) or programs()["xfreerdp"].parent()
        assert process is not None
        at = time.monotonic()
        process.send_signal(number)
        assert str(await reason(screen)) == told
        assert time.monotonic() - at < 2.0
    assert remains.gone(started, 1.0)
    assert remains.folders() == folders


@ONLY_XRDP
async def test_the_host_going_away_ends_it(server: RdpServer, backends: Backends) -> None:
    async with Watching(await backends.dial(server.machine(), ignore)) as screen:
        server.stop()
        error = await reason(screen)
        assert str(error) == "the host closed the connection"


@ONLY_XRDP
@pytest.mark.parametrize("runs", [None, "Xvnc", "xfreerdp"])
async def test_an_abandoned_dial_leaves_nothing(
    server: RdpServer, backends: Backends, runs: str | None
) -> None:
    """Before anything runs, and once the program does: a picture takes it a while longer."""
    folders = remains.folders()
    dial = asyncio.create_task(backends.dial(server.machine(), ignore))
    await asyncio.sleep(0)
    while runs not in {None, *programs()}:
        assert not dial.done()
        await asyncio.sleep(0.005)
    dial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dial
    assert remains.gone(remains.processes(), 1.0)
    assert remains.folders() == folders


_GATEWAY = """\
import asyncio, sys
from gateway.backends.rdp import RdpBackend
from tests.backends.rdp.servers import rdp_machine

async def main():
    await RdpBackend().dial(rdp_machine(int(sys.argv[1]), sys.argv[2]), lambda step: None)
    print("dialled", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@ONLY_XRDP
async def test_a_killed_gateway_leaves_no_orphan(server: RdpServer) -> None:
    before, folders = remains.processes(), remains.folders()
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _GATEWAY, str(server.port), server.pin),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"dialled\n"
    started = remains.processes() - before
    assert len(started) == 3
    assert remains.folders() - folders
    gateway.kill()
    await gateway.wait()
    assert remains.gone(started, 1.0)
    assert remains.folders() == folders


# What no server here says: a program that says it in FreeRDP's place.

_STAND_IN = """\
#!/bin/sh
read password
{says}
exec sleep 60
"""


def say(*lines: str) -> str:
    return "\n".join(f"echo '[00:00:00:000] [1:2] [INFO][com.freerdp.core] - {x}'" for x in lines)


def went(*states: str) -> list[str]:
    named = ["INITIAL", *states]
    return [
        f"rdp_client_transition_to_state CONNECTION_STATE_{a} --> CONNECTION_STATE_{b}"
        for a, b in pairwise(named)
    ]


LOGGED_IN = went("NEGO", "NLA", "MCS_CONNECT", "LICENSING", "CAPABILITIES_EXCHANGE")


@ONLY_XRDP
@pytest.mark.parametrize(
    ("lines", "status", "kind", "told"),
    [
        (
            [*LOGGED_IN, "ERRINFO_RPC_INITIATED_DISCONNECT (0x00000001):The disconnection"], 1,
            UpstreamRefused, "the host account lacks the right to this console",
        ),
        (
            ["ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION (0x00000005):Another user"], 5,
            UpstreamTakenOver, "another client took the console over",
        ),
        (
            [*went("NEGO", "NLA"), "nla_recv_pdu:freerdp_set_last_error_ex "
             "ERRCONNECT_LOGON_FAILURE [0x00020014]"], 134,
            AccountRefused, "the host refused the account: unknown user or wrong password",
        ),
        (
            [*went("NEGO", "NLA"), "ERRCONNECT_ACCOUNT_LOCKED_OUT [0x00020018]"], 135,
            AccountRefused, "the host refused the account: it is locked out",
        ),
        (
            [*went("NEGO", "NLA", "MCS_CONNECT", "INITIAL"),
             "ERRCONNECT_CONNECT_TRANSPORT_FAILED [0x0002000D]"], 147,
            UpstreamRefused, "the host took the account and gives no console of this VM",
        ),
        (
            [*went("NEGO", "INITIAL"), "ERRCONNECT_CONNECT_TRANSPORT_FAILED [0x0002000D]"], 147,
            UpstreamRefused, "the host broke off at once: it knows no VM of this id",
        ),
        ([f"secret {PASSWORD}"], 3, UpstreamError, "the host broke off at once"),
    ],
)  # fmt: skip
async def test_freerdps_words_are_told_in_ours(
    server: RdpServer, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    lines: list[str], status: int, kind: type[UpstreamError], told: str,
) -> None:  # fmt: skip
    program = tmp_path / "xfreerdp"
    program.write_text(_STAND_IN.format(says=f"{say(*lines)}\nexit {status}"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    vm = "efd1efab-c750-4262-b1bb-af0f7733bdd6"
    with pytest.raises(kind) as caught:
        await backends.dial(rdp_machine(server.port, server.pin, vm=vm), ignore)
    assert type(caught.value) is kind or kind is UpstreamError
    assert str(caught.value).startswith(told)
    assert PASSWORD not in str(caught.value)


@ONLY_XRDP
async def test_freerdp_missing_is_said(
    server: RdpServer, backends: Backends, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UpstreamRefused, match="is not installed on the gateway"):
        await backends.dial(server.machine(), ignore)


@ONLY_XRDP
async def test_memory_has_an_end(
    server: RdpServer, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "xfreerdp"
    program.write_text("#!/bin/sh\nexec tail /dev/zero\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    began = time.monotonic()
    with pytest.raises(UpstreamError, match="broke off at once"):  # and not that it never began
        await backends.dial(server.machine(), ignore)
    assert time.monotonic() - began < 10


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
@ONLY_XRDP
async def test_it_runs_as_another_user(server: RdpServer, backends: Backends) -> None:
    folders = remains.folders()
    settled = RdpOptions(None, run_as="nobody")
    machine = server.machine()
    machine = replace(machine, console=replace(machine.console, options=settled))
    async with Watching(await backends.dial(machine, ignore)) as screen:
        await screen.until(lambda: screen.frames)
        assert {"nobody"} == {programs()[name].username() for name in ("Xvnc", "xfreerdp")}
        (folder,) = remains.folders() - folders
        assert folder.owner() == "nobody"
    assert remains.folders() == folders


@ONLY_XRDP
@pytest.mark.timeout(300)
async def test_two_hundred_consoles_leave_nothing(
    server: RdpServer, backends: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small X client in FreeRDP's place, which takes half a second of a core each time."""
    program = tmp_path / "xfreerdp"
    program.write_text("#!/bin/sh\nread password\nexec xlogo -geometry 640x480\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    async def once() -> None:
        upstream = await backends.dial(server.machine(), ignore)
        framebuffer = upstream.connection.framebuffer
        assert (framebuffer.width, framebuffer.height) == (640, 480)
        at = time.monotonic()
        await upstream.close()
        assert time.monotonic() - at < 1.0

    await once()
    own = psutil.Process()
    folders, running, files = remains.folders(), remains.processes(), own.num_fds()
    tasks = len(asyncio.all_tasks())
    for _ in range(200):
        await once()
    assert remains.folders() == folders
    assert remains.processes() == running
    assert own.num_fds() == files
    assert len(asyncio.all_tasks()) == tasks
    assert not [child for child in own.children() if child.name().startswith("python")]
