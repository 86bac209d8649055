"""The upstream that all sides of a measurement share: one Xvnc with something that moves."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.clock import Clock
from tests.doubles.ports import free_port


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
    with painted_screens(1, workload) as (screen,):
        yield screen


@contextmanager
def painted_screens(count: int, workload: str) -> Iterator[list[Screen]]:
    """So many, each an Xvnc of its own; one process paints them all, which only "idle" bears."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        numbers = _free_displays(count)
        servers = [stack.enter_context(_xvnc(folder, number)) for number in numbers]
        for number in numbers:
            wait_for_port(5900 + number)
        names = ",".join(f":{number}" for number in numbers)
        painter = stack.enter_context(painting(names, workload))
        yield [
            Screen(5900 + number, server.pid, Clock(), f":{number}", painter.pid)
            for number, server in zip(numbers, servers, strict=True)
        ]


@contextmanager
def polled_screen(workload: str) -> Iterator[Screen]:
    """The same painter in an Xvfb, and an x11vnc of Debian's that reads its screen."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        (number,), port = _free_displays(1), free_port()
        quiet: dict[str, Any] = {"cwd": folder, "stderr": subprocess.DEVNULL}
        stack.enter_context(
            _stopped_after(
                ["Xvfb", f":{number}", "-screen", "0", "1280x800x24", "-ac"],
                stdout=subprocess.DEVNULL, **quiet,
            )
        )  # fmt: skip
        _wait(lambda: Path(f"/tmp/.X11-unix/X{number}").exists(), f"display {number}")
        painter = stack.enter_context(painting(f":{number}", workload))
        server = stack.enter_context(
            _stopped_after(
                ["x11vnc", "-display", f":{number}", "-rfbport", str(port), "-localhost",
                 "-nopw", "-forever", "-shared", "-quiet"],
                stdout=subprocess.DEVNULL, **quiet,
            )
        )  # fmt: skip
        wait_for_port(port)
        yield Screen(port, server.pid, Clock(), f":{number}", painter.pid)


@contextmanager
def painting(displays: str, workload: str) -> Iterator[subprocess.Popen[bytes]]:
    """A painter of `workload` on X servers that let in anybody, named with commas."""
    with _stopped_after(
        [sys.executable, "-m", "tests.bench.painter", displays, workload],
        env={**os.environ, "XAUTHORITY": "/nonexistent"}, stdout=subprocess.PIPE,
    ) as painter:  # fmt: skip
        assert painter.stdout is not None
        assert painter.stdout.readline() == b"painting\n", "the painter failed"
        yield painter


def _xvnc(folder: str, number: int) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return _stopped_after(
        ["Xvnc", f":{number}", "-geometry", "1280x800", "-depth", "24",
         "-rfbport", str(5900 + number), "-localhost", "-SecurityTypes", "None",
         "-AlwaysShared", "-auth", "/dev/null", "-ac"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def _stopped_after(command: Sequence[str], **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, **how)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _free_displays(count: int) -> list[int]:
    free: list[int] = []
    for number in range(60, 500):
        taken = Path(f"/tmp/.X11-unix/X{number}").exists() or Path(f"/tmp/.X{number}-lock").exists()
        if not taken and not answers(5900 + number):
            free.append(number)
        if len(free) == count:
            return free
    raise RuntimeError("too few display numbers are free")


def answers(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_port(port: int) -> None:
    """Raises: RuntimeError where nobody listens within 10 s."""
    _wait(lambda: answers(port), f"port {port}")


def _wait(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not there():
        if deadline < time.monotonic():
            raise RuntimeError(f"{what} did not come up")
        time.sleep(0.05)
