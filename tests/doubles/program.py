"""The program as its user runs it: `eva-gateway demo` or `serve` in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.doubles.codes import Codes
from tests.doubles.ports import free_port

START_SECONDS = 90


@dataclass
class Program:
    """A running demo, and what its ready file says."""

    process: asyncio.subprocess.Process
    ready: dict[str, Any]
    log: Path
    _codes: dict[str, Codes] = field(default_factory=dict)

    def account(self, name: str) -> dict[str, Any]:
        return next(a for a in self.ready["accounts"] if a["name"] == name)

    def code(self, name: str) -> str:
        """A one-time code of `name` that was not given out before."""
        codes = self._codes.setdefault(name, Codes(self.account(name)["code_secret"]))
        return codes.next(datetime.now(UTC))

    def vm(self, name: str) -> dict[str, Any]:
        return next(vm for vm in self.ready["vms"] if vm["name"] == name)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ready["ca_file"])

    def http(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self.trust())
        return aiohttp.ClientSession(self.ready["base_address"], connector=connector)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and wait; the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def running_demo(
    folder: Path,
    *,
    command: Sequence[str] = (sys.executable, "-m", "gateway"),
    environment: Mapping[str, str] | None = None,
    engines: bool = False,
) -> AsyncIterator[Program]:
    """`eva-gateway demo` in `folder`, until the block ends.

    `engines`: with the VMs of other kinds that can be shown here, too.
    """
    ready_file, log = folder / "ready.json", folder / "demo.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, "demo", "--port", str(free_port()), "--ready-file", str(ready_file),
            "--engines" if engines else "--no-engines",
            cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
    try:
        await _until_written(ready_file, process, log)
        yield Program(process, json.loads(ready_file.read_text()), log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_written(path: Path, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not path.exists():
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.05)
