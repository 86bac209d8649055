"""The demo's end of an engine's child: starts it, hears why it ended, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any, Final, Self

from gateway.demo.engines.engine import Engine, Plan, Program

_START: Final = Path(__file__).parent / "child" / "start.py"
_MEMORY: Final = 512 * 1024 * 1024  # of its own, for each program
PATIENCE: Final = 30.0  # seconds, from its start until it serves
_CLOSE_PATIENCE: Final = 2.0
_LOOK: Final = 0.05


class EngineFailed(Exception):
    """Why an engine does not serve."""


class Keeper:
    """A running engine. Its folder and its programs go with it."""

    def __init__(self, folder: Path, plan: Plan, child: Process) -> None:
        self._folder = folder
        self._plan = plan
        self._child = child

    @classmethod
    async def start(cls, engine: Engine) -> Self:
        """Start an engine and wait until it serves. Raises: EngineFailed, TimeoutError, OSError."""
        folder = Path(tempfile.mkdtemp(prefix="eva-demo-"))  # mode 0700
        try:
            plan = await asyncio.to_thread(engine.plan, folder)
            child = await _spawn(folder, plan)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        keeper = cls(folder, plan, child)
        try:
            await keeper._until_it_serves()
        except BaseException:
            await keeper.close()
            raise
        return keeper

    @property
    def entry(self) -> str:
        """What the inventory says of its VM, from `console` on. Raises: OSError."""
        return self._plan.entry()

    async def close(self) -> None:
        """End it, folder and all; never raises."""
        assert self._child.stdin is not None
        self._child.stdin.close()  # which the child takes for its end
        try:
            async with asyncio.timeout(_CLOSE_PATIENCE):
                await self._child.wait()
        except TimeoutError:
            self._child.kill()
            await self._child.wait()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _until_it_serves(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self._plan.serves():
                if self._child.returncode is not None:
                    raise EngineFailed(await self._last_words())
                await asyncio.sleep(_LOOK)

    async def _last_words(self) -> str:
        assert self._child.stdout is not None
        return (await self._child.stdout.read()).decode(errors="replace") or "it ended"


async def _spawn(folder: Path, plan: Plan) -> Process:
    # Isolated: neither the environment nor the working directory says what is imported.
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_START)),
        stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, cwd=folder, start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None
    order = {
        "folder": str(folder),
        "parent": os.getpid(),
        "memory": _MEMORY,
        "programs": [_told(program) for program in plan.programs],
    }
    child.stdin.write(json.dumps(order).encode() + b"\n")
    return child


def _told(program: Program) -> dict[str, Any]:
    return {
        "program": shutil.which(program.name),
        "arguments": list(program.arguments),
        "environment": dict(program.environment),
        "is_display": program.is_display,
    }
