"""Folders that killed gateways left behind: removed when one starts, and no others."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from gateway.backends.rdp import RdpKind
from gateway.backends.rdp.folders import RuntimeFolder, sweep
from tests.backends.rdp import remains
from tests.backends.rdp.servers import RdpServer
from tests.backends.rdp.test_ends import _GATEWAY, ONLY_XRDP

pytestmark = pytest.mark.timeout(60)


def abandoned(name: str = "eva-rdp-old") -> Path:
    """As a gateway leaves one that was killed."""
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(mode=0o700)
    (folder / ".lock").touch(mode=0o600)
    (folder / "xauthority").write_bytes(b"\0")
    (folder / ".cache").mkdir()
    return folder


def test_what_a_killed_gateway_left_is_removed_by_the_next() -> None:
    folder = abandoned()
    RdpKind().backend()
    assert not folder.exists()


def test_a_live_console_keeps_its_folder() -> None:
    folder = RuntimeFolder()
    assert sweep() == 0
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


async def test_another_gateways_console_keeps_its_folder() -> None:
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c"),
        "from gateway.backends.rdp.folders import RuntimeFolder as F\n"
        "import time\nf = F()\nprint(f.path, flush=True)\ntime.sleep(600)",
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert other.stdout is not None
    folder = Path((await other.stdout.readline()).decode().strip())
    assert folder.parent == Path(tempfile.gettempdir())
    assert sweep() == 0
    assert folder.exists()
    other.kill()
    await other.wait()
    assert sweep() == 1
    assert not folder.exists()


def test_whatever_is_not_certain_to_be_ours_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / ".lock").touch()
    temporary = Path(tempfile.gettempdir())
    (temporary / "eva-rdp-link").symlink_to(elsewhere)
    (temporary / "eva-rdp-file").write_text("somebody's")
    (abandoned("eva-rdp-lockless") / ".lock").unlink()
    led = abandoned("eva-rdp-led")
    (led / ".lock").unlink()
    (led / ".lock").symlink_to(elsewhere / ".lock")
    piped = abandoned("eva-rdp-piped")
    (piped / ".lock").unlink()
    os.mkfifo(piped / ".lock")
    abandoned("eva-rdp-open").chmod(0o755)
    abandoned("eva-vnc-other")
    before = sorted(temporary.rglob("*"))
    assert sweep() == 0
    assert sorted(temporary.rglob("*")) == before
    assert (elsewhere / ".lock").exists()


def test_a_link_inside_is_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    folder = abandoned()
    (folder / "link").symlink_to(kept)
    assert sweep() == 1
    assert not folder.exists()
    assert (kept / "file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_whom_the_programs_became_cannot_have_a_folder_removed() -> None:
    """What they own is swept by our own lock in it, and by none of theirs."""
    folder = abandoned()
    os.chown(folder, 65534, 65534)
    os.chown(folder / ".lock", 65534, 65534)
    assert sweep() == 0
    os.chown(folder / ".lock", 0, 0)
    assert sweep() == 1


@ONLY_XRDP
async def test_a_gateway_and_its_child_killed_at_once_leave_nothing_for_long(
    server: RdpServer,
) -> None:
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _GATEWAY, str(server.port), server.pin),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert gateway.stdout is not None
    assert await gateway.stdout.readline() == b"dialled\n"
    started = remains.processes()
    (child,) = psutil.Process(gateway.pid).children()
    assert sweep() == 0
    gateway.send_signal(signal.SIGSTOP)
    child.kill()  # first, so that it does not clean up after the gateway
    gateway.kill()
    await gateway.wait()
    assert remains.gone(started, 5.0)
    assert remains.folders()
    RdpKind().backend()
    assert not remains.folders()
