"""The upstream that both sides of a measurement share: one Xvnc with text that scrolls."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Prints lines at a steady rate, each different, so that nothing can be left out.
SCROLL = """
import itertools, sys, time
rate = float(sys.argv[1])
begun = time.monotonic()
for number in itertools.count():
    words = ' '.join(f'{(number * 7919 + column * 104729) % 99991:05d}' for column in range(14))
    print(f'{number:08d} {words}', flush=True)
    time.sleep(max(0.0, begun + (number + 1) / rate - time.monotonic()))
"""


@dataclass(frozen=True)
class Screen:
    """A running X server that speaks VNC on a loopback port."""

    port: int
    display: str
    pid: int


@contextmanager
def scrolling_screen(lines_per_second: float) -> Iterator[Screen]:
    """Xvnc at 1280x800 and an xterm over all of it that prints at that rate."""
    with tempfile.TemporaryDirectory() as folder:
        number = _free_display()
        port = 5900 + number
        server = subprocess.Popen(
            ["Xvnc", f":{number}", "-geometry", "1280x800", "-depth", "24", "-rfbport", str(port),
             "-localhost", "-SecurityTypes", "None", "-AlwaysShared", "-auth", "/dev/null", "-ac"],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        terminal: subprocess.Popen[bytes] | None = None
        try:
            _wait_for_port(port)
            script = Path(folder) / "scroll.py"
            script.write_text(SCROLL)
            terminal = subprocess.Popen(
                ["xterm", "-geometry", "213x61+0+0", "-fn", "fixed", "-e",
                 sys.executable, str(script), str(lines_per_second)],
                env={**os.environ, "DISPLAY": f":{number}"},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(1.0)  # xterm maps its window; nothing tells when the first lines are drawn
            yield Screen(port, f":{number}", server.pid)
        finally:
            for process in (terminal, server):
                if process is not None:
                    process.terminate()
                    process.wait(10)


def _free_display() -> int:
    for number in range(60, 200):
        taken = Path(f"/tmp/.X11-unix/X{number}").exists() or Path(f"/tmp/.X{number}-lock").exists()
        if not taken and not answers(5900 + number):
            return number
    raise RuntimeError("no display number is free")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while not answers(port):
        if deadline < time.monotonic():
            raise RuntimeError("Xvnc did not start")
        time.sleep(0.05)
