"""Sessions opened and closed again and again: nothing of them stays.

EVA_CYCLES says how often, for those that take seconds each.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from gateway.inventory import Machine
from tests.backends.rdp import remains
from tests.doubles.apiworld import backends, world_of
from tests.doubles.console_stage import Stage, staged
from tests.hypervisor.upstream_kinds import RDP, WEBSOCKETS, Engines, disturbed

pytestmark = [
    pytest.mark.hypervisor,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("own_temporary_files"),
]

CYCLES = int(os.environ.get("EVA_CYCLES", "10"))


class Held(NamedTuple):
    """What a process could keep of sessions that are over."""

    files: int  # sockets are files too
    tasks: int
    children: int
    programs: int
    folders: int

    @classmethod
    def now(cls) -> Held:
        own = psutil.Process()
        children = [each for each in own.children() if each.name() not in {"Xvnc", "xrdp"}]
        return cls(
            own.num_fds(), len(asyncio.all_tasks()), len(children), len(remains.processes()),
            len(remains.folders()),
        )  # fmt: skip


async def at_rest(most: Held) -> Held:
    """What is held once no more than `most` is; as it is, where that never comes."""
    deadline = time.monotonic() + 30
    while True:
        held = Held.now()
        if all(one <= other for one, other in zip(held, most, strict=True)):
            return held
        if deadline < time.monotonic():
            return held
        await asyncio.sleep(0.1)


async def once(stage: Stage) -> None:
    """A session, from its operator's coming to its end."""
    async with stage.viewer("operator") as operator:
        await operator.start()
        await operator.until(lambda: operator.frames, within=30)
        session = stage.session
        stage.end()
        assert await operator.closed(30)
        await session.closed.wait()


def resident() -> float:
    """MiB that this process has, without what only waits for the collector or to be given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss / (1 << 20))


async def repeat(machine: Machine, cycles: int) -> None:
    async with staged(machine=machine, dialler=backends()) as stage:
        for _ in range(2):  # whatever is made once
            await once(stage)
        await asyncio.sleep(0.5)
        before, memory = Held.now(), resident()
        began = time.monotonic()
        for _ in range(cycles):
            await once(stage)
        took = time.monotonic() - began
        after = await at_rest(before)
        grown = resident() - memory
        print(f"{cycles} cycles, {took / cycles:.3f} s each: {before} -> {after}, {grown:+.1f} MiB")
        assert all(one <= other for one, other in zip(after, before, strict=True)), (before, after)
        assert grown < 24  # a few pictures of 3 MiB each


@pytest.mark.parametrize("kind", WEBSOCKETS)
async def test_two_hundred_sessions_leave_nothing(kind: str, tmp_path: Path) -> None:
    async with world_of(kind, tmp_path) as world:
        await repeat(world.machine(), 200)


@pytest.mark.parametrize("kind", RDP)
async def test_sessions_of_real_rdp_servers_leave_nothing(
    kind: str, engines: Engines, tmp_path: Path
) -> None:
    async with disturbed(kind, engines, tmp_path) as room:
        await repeat(room.machine, CYCLES)
