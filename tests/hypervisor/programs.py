"""Programs made by others: found, started, and gone when the tests are over."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

_PR_SET_PDEATHSIG = 1


def missing(what: str) -> NoReturn:
    """Skip, and say why; where hypervisors are required, fail."""
    if os.environ.get("CI") or os.environ.get("EVA_REQUIRE_HYPERVISOR"):
        pytest.fail(f"{what}, and this run requires the hypervisor tests", pytrace=False)
    pytest.skip(what)


def need(*programs: str) -> None:
    """Have these programs, or skip (fail, where hypervisors are required)."""
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        missing(f"not installed: {', '.join(absent)}")


def wait_for(true: Callable[[], bool], what: str, within: float = 60.0) -> None:
    """Poll, for programs that announce nothing. Raises: TimeoutError."""
    deadline = time.monotonic() + within
    while not true():
        if deadline < time.monotonic():
            raise TimeoutError(f"waited {within:g} s for {what}")
        time.sleep(0.05)


def answers_rfb(port: int) -> bool:
    """Whether an RFB server greets at that loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.settimeout(5)
            return sock.recv(4) == b"RFB "
    except OSError:
        return False


class Child:
    """A program of our own: its output goes to a file, it dies with us."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        *,
        pass_fds: Sequence[int] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=pass_fds,
                env=os.environ | (environment or {}),
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it calls one system call, no Python lock
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it and what it started."""
        if self.alive:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def complaint(self) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-2000:]


def _die_with_parent() -> None:
    # prctl(2): a killed test run leaves no hypervisor behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
