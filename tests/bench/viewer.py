"""Viewers in a process of their own: each enters by a door, watches, types, stalls or comes late.

Run as a program it reads one JSON line, a list of `Visit`s and the seconds to watch, prints
"started" once all that are to be there from the start are. Once it is told so by the end of its
input they leave, and it prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Protocol

import uvloop
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.clock import Clock
from tests.bench.skimming import Seen, SkimmingViewer


@dataclass(frozen=True)
class Door:
    """How to get at one stream: a WebSocket's address, or tcp://127.0.0.1:port."""

    url: str
    subprotocols: tuple[str, ...] = ("binary",)
    token: str | None = None
    origin: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True)
class Visit:
    """What one viewer does."""

    door: Door
    pitch: int = 16  # of the picture's clock
    keys_per_second: float = 0.0
    stalls: bool = False  # reads nothing once it has begun
    joins_after: float | None = None  # seconds; None: there from the start
    leaves_after: float | None = None  # once its picture is complete


@dataclass
class Account:
    """What one viewer saw."""

    updates: int = 0
    received: int = 0
    clocks: list[tuple[float, int]] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    opened: float | None = None  # seconds from dialling to a complete picture
    until: float = 0.0  # the monotonic time at which it stopped looking


class Line(Protocol):
    """A connection, whatever it runs over."""

    async def receive(self) -> bytes: ...
    async def send(self, data: bytes) -> None: ...


class _Tcp:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def receive(self) -> bytes:
        data = await self._reader.read(1 << 18)
        if not data:
            raise ConnectionError("closed")
        return data

    async def send(self, data: bytes) -> None:
        self._writer.write(data)


class _WebSocket:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def receive(self) -> bytes:
        data = await self._socket.recv(decode=False)
        return data if isinstance(data, bytes) else b""

    async def send(self, data: bytes) -> None:
        await self._socket.send(data)


@asynccontextmanager
async def entered(door: Door) -> AsyncIterator[Line]:
    """A connection through `door`."""
    if door.url.startswith("tcp://"):
        host, _, port = door.url.removeprefix("tcp://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield _Tcp(reader, writer)
        finally:
            writer.transport.abort()
        return
    headers = {"Authorization": f"Bearer {door.token}"} if door.token else {}
    context = ssl.create_default_context(cafile=door.ca_file) if door.ca_file else None
    async with connect(
        door.url, subprotocols=list(door.subprotocols), origin=door.origin, ssl=context,
        additional_headers=headers, compression=None, max_size=None, max_queue=None,
        close_timeout=0.1, ping_interval=None,
    ) as socket:  # fmt: skip
        yield _WebSocket(socket)


class Watching:
    """All visits of one run."""

    def __init__(self, visits: list[Visit], seconds: float) -> None:
        self._visits = visits
        self._seconds = seconds
        self._started = asyncio.Event()
        self._end = float("inf")
        self._dismissed = asyncio.Event()

    async def run(self) -> list[Account]:
        """Let all watch at the same time."""
        async with asyncio.TaskGroup() as tasks:
            watching = []
            for visit in self._visits:
                ready = asyncio.Event()
                watching.append(tasks.create_task(self._watch(visit, ready)))
                # One after another, as people come; the first door may have to open the others.
                if visit.joins_after is None:
                    await ready.wait()
            self._end = time.monotonic() + self._seconds
            print("started", flush=True)
            self._started.set()
            await asyncio.to_thread(sys.stdin.read)
            self._dismissed.set()
        return [task.result() for task in watching]

    async def _watch(self, visit: Visit, ready: asyncio.Event) -> Account:
        if visit.joins_after is not None:
            await self._started.wait()
            await asyncio.sleep(visit.joins_after)
        dialled = time.monotonic()
        async with entered(visit.door) as line:
            viewer = SkimmingViewer(Clock(visit.pitch))
            while viewer.complete_at is None:
                async with asyncio.timeout(30):
                    data = await line.receive()
                if reply := viewer.receive(data, time.monotonic()):
                    await line.send(reply)
            opened = viewer.complete_at - dialled
            ready.set()
            if visit.joins_after is None:
                await self._idle_until_started(viewer, line)
                viewer.seen = Seen()
            until = self._end
            if visit.leaves_after is not None:
                until = min(until, time.monotonic() + visit.leaves_after)
            await self._look_on(visit, viewer, line, until)
            if visit.leaves_after is None:
                # What serves them must be there to be measured.
                await self._dismissed.wait()
        return Account(**vars(viewer.seen), opened=opened, until=until)

    async def _idle_until_started(self, viewer: SkimmingViewer, line: Line) -> None:
        """Keep up while the others come."""
        while not self._started.is_set():
            await self._turn(viewer, line, time.monotonic() + 0.05)

    async def _look_on(
        self, visit: Visit, viewer: SkimmingViewer, line: Line, until: float
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            if visit.keys_per_second:
                tasks.create_task(self._type(visit.keys_per_second, viewer, line, until))
            if visit.stalls:
                await asyncio.sleep(until - time.monotonic())
                return  # cut off by now
            while time.monotonic() < until:
                await self._turn(viewer, line, until)

    async def _turn(self, viewer: SkimmingViewer, line: Line, until: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                data = await line.receive()
        except TimeoutError:
            return
        if reply := viewer.receive(data, time.monotonic()):
            await line.send(reply)

    async def _type(self, rate: float, viewer: SkimmingViewer, line: Line, until: float) -> None:
        # At odd moments: a regular beat could fall in step with the picture's own.
        beat = random.Random(str(viewer))
        while (wait := beat.uniform(0.5, 1.5) / rate) and time.monotonic() + wait < until:
            await asyncio.sleep(wait)
            if key := viewer.press(time.monotonic()):
                await line.send(key)


def main() -> None:
    asked = json.loads(input())
    visits = [Visit(**{**each, "door": Door(**each["door"])}) for each in asked["visits"]]

    async def run() -> list[Account]:
        return await Watching(visits, asked["seconds"]).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        accounts = runner.run(run())
    print(json.dumps([asdict(account) for account in accounts]), flush=True)


if __name__ == "__main__":
    main()
