"""What a console's child could leave behind on the machine, of this test's own consoles."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil


def processes() -> set[int]:
    """The programs of consoles: each works in its console's folder, gone or not."""
    return {each.pid for each in psutil.process_iter() if _where(each).startswith(_ours())}


def programs(name: str) -> list[psutil.Process]:
    """Those of that name."""
    return [each for each in map(psutil.Process, processes()) if each.name() == name]


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("eva-rdp-*"))


def gone(pids: set[int], within: float) -> bool:
    """Whether all of them end in time."""
    deadline = time.monotonic() + within
    while any(_runs(pid) for pid in pids):
        if deadline < time.monotonic():
            return False
        time.sleep(0.02)
    return True


def children_of(pid: int) -> dict[str, psutil.Process]:
    """By their programs' names."""
    return {child.name(): child for child in psutil.Process(pid).children(recursive=True)}


def _ours() -> str:
    return str(Path(tempfile.gettempdir()) / "eva-rdp-")


def _where(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
