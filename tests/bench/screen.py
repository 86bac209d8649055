"""The upstream that all sides of a measurement share: one Xvnc with something that moves."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.clock import Clock


@dataclass(frozen=True)
class Screen:
    """A VNC server on a loopback port, which process it is, and its picture's clock."""

    port: int
    pid: int
    clock: Clock
    display: str = ""
    painter: int = 0  # the process that paints, where there is one


@contextmanager
def painted_screen(workload: str) -> Iterator[Screen]:
    """Xvnc at 1280x800 and a painter of `workload` over all of it."""
    with tempfile.TemporaryDirectory() as folder:
        number = _free_display()
        port = 5900 + number
        server = subprocess.Popen(
            ["Xvnc", f":{number}", "-geometry", "1280x800", "-depth", "24", "-rfbport", str(port),
             "-localhost", "-SecurityTypes", "None", "-AlwaysShared", "-auth", "/dev/null", "-ac"],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        painter: subprocess.Popen[str] | None = None
        try:
            wait_for_port(port)
            painter = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.painter", f":{number}", workload],
                env={**os.environ, "XAUTHORITY": str(Path(folder) / "none")},
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert painter.stdout is not None
            assert painter.stdout.readline() == "painting\n", "the painter failed"
            yield Screen(port, server.pid, Clock(), f":{number}", painter.pid)
        finally:
            for process in (painter, server):
                if process is not None:
                    process.terminate()
                    process.wait(10)


def _free_display() -> int:
    for number in range(60, 200):
        taken = Path(f"/tmp/.X11-unix/X{number}").exists() or Path(f"/tmp/.X{number}-lock").exists()
        if not taken and not answers(5900 + number):
            return number
    raise RuntimeError("no display number is free")


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on just now, none twice."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def answers(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_port(port: int) -> None:
    """Raises: RuntimeError where nobody listens within 10 s."""
    deadline = time.monotonic() + 10
    while not answers(port):
        if deadline < time.monotonic():
            raise RuntimeError(f"nothing listens on port {port}")
        time.sleep(0.05)
