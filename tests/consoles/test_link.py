"""A link lets others run, whatever its upstream asks for."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from gateway.consoles.link import TIMING, Link, Timing
from gateway.consoles.ports import Ended, Heard, Progress
from gateway.consoles.states import ConsoleState, Reconnecting
from gateway.errors import UpstreamRefused
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, FrameReceived
from tests.doubles.serverwords import hello, rect, update

ZRLE = 16
# 64 tiles of 64x64 in runs of one pixel: type 128, then red, green, blue, length less one
TILES = zlib.compress((b"\x80" + b"\x01\x02\x03\x00" * 4096) * 64, 9)
MUCH_WORK = update(rect(0, 0, 512, 512, ZRLE, struct.pack(">I", len(TILES)) + TILES))


class Costly:
    """An upstream that says `MUCH_WORK`, then nothing more."""

    def __init__(self) -> None:
        # One thousandth of what is done at once otherwise.
        self.connection = ClientConnection(work=20_000)
        self.connection.receive_data(hello(512, 512))
        self.connection.data_to_send()
        self.early: Sequence[Event] = ()
        self.read_while_pending = False
        self.paused = False
        self.full_since: float | None = None

    def listen(self, heard: Heard, ended: Ended) -> None:
        asyncio.get_running_loop().call_soon(heard, MUCH_WORK)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.read_while_pending |= self.connection.pending
        self.paused = False

    def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Deaf(Costly):
    """An upstream that talks and takes nothing."""

    def listen(self, heard: Heard, ended: Ended) -> None:
        self.full_since = asyncio.get_running_loop().time()
        self._talk(heard)

    def _talk(self, heard: Heard) -> None:
        heard(b"\x02")  # Bell
        asyncio.get_running_loop().call_later(0.01, self._talk, heard)


class Watcher:
    """A host that counts how often others ran before the frame was there."""

    def __init__(self) -> None:
        self.turns = 0
        self.unheld = 0  # turns in which the upstream was not held back
        self.framed = asyncio.Event()
        self.over = asyncio.Event()

    def became(self, state: ConsoleState) -> None: ...

    def opened(self, connection: ClientConnection) -> None: ...

    def lost(self) -> None:
        self.over.set()

    def happened(self, events: Sequence[Event]) -> bool:
        if any(isinstance(event, FrameReceived) for event in events):
            self.framed.set()
            return True
        return False

    async def take_turns(self, upstream: Costly) -> None:
        while not self.framed.is_set():
            self.turns += 1
            self.unheld += not upstream.paused
            await asyncio.sleep(0)


@asynccontextmanager
async def linked(upstream: Costly, host: Watcher, timing: Timing = TIMING) -> AsyncIterator[None]:
    async def dial(_: Progress) -> Costly:
        return upstream

    running = asyncio.create_task(Link(dial, host, lambda: datetime.now(UTC), timing).run())
    try:
        async with asyncio.timeout(10):
            yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_others_run_while_an_upstream_asks_for_much_work() -> None:
    upstream, host = Costly(), Watcher()
    async with linked(upstream, host):
        await host.take_turns(upstream)
    assert 64 <= host.turns  # at each tile, at least
    assert host.unheld <= 3  # before it began
    assert not upstream.read_while_pending
    assert not upstream.paused
    assert bytes(upstream.connection.framebuffer.pixels[511, 511]) == b"\x01\x02\x03\x00"


async def test_an_upstream_that_takes_nothing_is_dropped_however_much_it_says() -> None:
    upstream, host = Deaf(), Watcher()
    async with linked(upstream, host, Timing(quiet=0.1, dead=0.2)):
        await host.over.wait()


class Told(Watcher):
    """A host that keeps the first trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: asyncio.Future[Reconnecting] = asyncio.get_running_loop().create_future()

    def became(self, state: ConsoleState) -> None:
        if isinstance(state, Reconnecting) and not self.trouble.done():
            self.trouble.set_result(state)


async def test_what_a_backend_says_is_kept_on_one_line_and_out_of_the_json() -> None:
    async def dial(_: Progress) -> Costly:
        raise UpstreamRefused("the host refused\n the account " + 500 * "x")

    host = Told()
    running = asyncio.create_task(Link(dial, host, lambda: datetime.now(UTC)).run())
    try:
        async with asyncio.timeout(10):
            trouble = await host.trouble
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert trouble.words.startswith("the host refused the account xx")
    assert len(trouble.words) == 300
    assert trouble.as_json()["why"] == "UpstreamRefused"
    assert "account" not in str(trouble.as_json())
