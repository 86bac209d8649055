"""What a console could leave behind in this process, and on this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_POLL: Final = 0.02
# The loop's own threads for blocking calls: bounded, used again, and gone with the loop.
_POOLS: Final = ("asyncio_", "uvloop_")


@dataclass(frozen=True)
class Remains:
    """What is there now, each thing by a name that says what it is."""

    things: Counter[str]
    processes: frozenset[psutil.Process]

    def since(self, before: Remains) -> list[str]:
        """What was not there before."""
        new = [_socket(each) for each in (self.things - before.things).elements()]
        new += [_process(each) for each in self.processes - before.processes]
        return sorted(new)


def remains(known: frozenset[psutil.Process] = frozenset()) -> Remains:
    """Look around. `known`: processes that were seen; they count for as long as they run.

    A child's child is nobody's descendant any more once its parent has ended.
    """
    things = Counter([*_tasks(), *_files(), *_threads(), *_leftover_paths()])
    return Remains(things, descendants() | {each for each in known if _runs(each)})


async def left_since(
    before: Remains, within: float, known: frozenset[psutil.Process] = frozenset()
) -> list[str]:
    """What is there that was not before, once that is nothing or `within` seconds have passed."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    # Nobody tells when a file is closed or a process gone.
    while (left := remains(known).since(before)) and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_POLL)
    return left


def descendants() -> frozenset[psutil.Process]:
    """This process's children and theirs."""
    return frozenset(psutil.Process().children(recursive=True))


def _tasks() -> Iterator[str]:
    try:
        current, tasks = asyncio.current_task(), asyncio.all_tasks()
    except RuntimeError:  # no loop runs
        return
    for task in tasks:
        if task is not current:
            what = getattr(task.get_coro(), "__qualname__", "")
            yield f"task {task.get_name()} ({what})"


def _files() -> Iterator[str]:
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - os.listdir closes its own at once
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")  # noqa: PTH115
        except OSError:
            continue  # the one that listed them
        yield f"file {target}"


def _socket(thing: str) -> str:
    """The same, and where it leads if it is a socket."""
    for entry in os.listdir("/proc/self/fd") if "socket:" in thing else ():  # noqa: PTH208
        try:
            if f"file {os.readlink(f'/proc/self/fd/{entry}')}" == thing:  # noqa: PTH115
                with socket.socket(fileno=os.dup(int(entry))) as sock:
                    return f"{thing} to {sock.getpeername() or 'a socket without a name'}"
        except OSError:
            continue
    return thing


def _threads() -> Iterator[str]:
    for thread in threading.enumerate():
        if not thread.name.startswith(_POOLS):
            yield f"thread {thread.name}"


def _leftover_paths() -> Iterator[str]:
    for path in Path(tempfile.gettempdir()).rglob("*"):
        yield f"path {path}"


def _process(process: psutil.Process) -> str:
    try:
        name = process.name()
    except psutil.Error:
        name = "ended since"
    return f"process {process.pid} ({name})"


def _runs(process: psutil.Process) -> bool:
    try:
        if not process.is_running():
            return False
        # Whoever inherits an orphan waits for it; one of ours is ours to wait for.
        return bool(process.status() != psutil.STATUS_ZOMBIE or process.ppid() == os.getpid())
    except psutil.NoSuchProcess:
        return False
