"""What engines could leave behind: processes that work in their folders, and the folders."""

from __future__ import annotations

import time
from pathlib import Path

import psutil


def processes(temporary: Path) -> dict[int, str]:
    """The names of those that work in a folder there, gone or not."""
    found = {}
    for each in psutil.process_iter():
        try:
            if each.cwd().startswith(f"{temporary}/eva-demo-"):
                found[each.pid] = each.name()
        except psutil.Error:
            continue
    return found


def folders(temporary: Path) -> set[Path]:
    return set(temporary.glob("eva-demo-*"))


def until_none(temporary: Path, within: float = 30) -> None:
    """Wait until nothing is left there. Raises: AssertionError."""
    deadline = time.monotonic() + within
    while left := processes(temporary) or folders(temporary):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
