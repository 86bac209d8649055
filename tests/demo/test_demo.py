"""The demo as its user starts it: with engines, without, and gone with all of them."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import pytest

from gateway.demo.engines import ENGINES
from tests.demo import remains
from tests.doubles.program import Program, running_demo
from tests.hypervisor.programs import need

pytestmark = pytest.mark.timeout(180)

BUILT_IN = ["web01", "desk01", "off01", "win01"]
MORE = [engine.vm for engine in ENGINES]
WITHOUT = {"PATH": ""}


async def said(demo: Program) -> str:
    """All that it tells its user."""
    async with asyncio.timeout(30):
        while "Ctrl+C ends the demo" not in (text := demo.log.read_text()):
            await asyncio.sleep(0.05)
    return text


def names(demo: Program) -> list[str]:
    return [vm["name"] for vm in demo.ready["vms"]]


@pytest.mark.hypervisor
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_each_engine_is_a_vm_and_goes_with_the_demo(
    end: signal.Signals, tmp_path: Path, temporary: Path
) -> None:
    need(*{program for engine in ENGINES for program in engine.programs})
    async with running_demo(tmp_path, engines=True) as demo:
        assert names(demo) == BUILT_IN + MORE
        assert {vm["name"]: vm["console"] for vm in demo.ready["vms"]}["boot02"] == "VNC, wss"
        assert len(remains.folders(temporary)) == len(MORE)
        text = await said(demo)
        assert f"what real VNC and RDP servers show: {', '.join(MORE)}" in text
        assert "left out" not in text
        assert "apt-get" not in text
        assert await demo.stop(end) == (0 if end == signal.SIGTERM else -signal.SIGKILL)
    remains.until_none(temporary)


async def test_with_no_engine_installed_it_is_as_it_was(tmp_path: Path, temporary: Path) -> None:
    async with running_demo(tmp_path, engines=True, environment=WITHOUT) as demo:
        assert names(demo) == BUILT_IN
        text = await said(demo)
        assert "For boot01 (VNC) and boot02 (VNC, wss) too: apt-get install qemu-system-x86" in text
        assert "OpenStack and XenServer need a host" in text
        assert not remains.folders(temporary)


async def test_engines_can_be_done_without(tmp_path: Path, temporary: Path) -> None:
    async with running_demo(tmp_path, engines=False) as demo:
        assert names(demo) == BUILT_IN
        assert "apt-get" not in await said(demo)
        assert not remains.folders(temporary)


async def test_one_engine_that_fails_is_told_and_no_more(tmp_path: Path, temporary: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "qemu-system-x86_64").write_text("#!/bin/sh\necho no such ROM >&2\nexit 1\n")
    (programs / "qemu-system-x86_64").chmod(0o755)
    async with running_demo(tmp_path, engines=True, environment={"PATH": str(programs)}) as demo:
        assert names(demo) == BUILT_IN
        text = await said(demo)
        for vm in ("boot01", "boot02"):
            assert f"{vm} is left out: qemu-system-x86_64 ended with status 1: no such" in text
    remains.until_none(temporary)


async def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path, temporary: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "demo", "--port", str(port)),
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        text, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert text.decode().startswith(f"eva-gateway: cannot listen on 127.0.0.1:{port}: Address")
    assert text.count(b"\n") == 1
    remains.until_none(temporary)
