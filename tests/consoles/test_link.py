"""A link lets others run, whatever its upstream asks for."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.consoles.link import Link
from gateway.consoles.ports import Progress
from gateway.consoles.states import ConsoleState
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
        self._said = False

    async def read(self) -> bytes:
        self.read_while_pending |= self.connection.pending
        if self._said:
            await asyncio.Event().wait()
        self._said = True
        return MUCH_WORK

    def write(self, data: bytes) -> None: ...

    full = False

    async def drain(self) -> None: ...

    async def close(self) -> None: ...


class Watcher:
    """A host that counts how often others ran before the frame was there."""

    def __init__(self) -> None:
        self.turns = 0
        self.framed = asyncio.Event()

    def became(self, state: ConsoleState) -> None: ...

    def opened(self, connection: ClientConnection) -> None: ...

    def lost(self) -> None: ...

    def happened(self, events: Sequence[Event]) -> bool:
        if any(isinstance(event, FrameReceived) for event in events):
            self.framed.set()
            return True
        return False

    async def take_turns(self) -> None:
        while not self.framed.is_set():
            self.turns += 1
            await asyncio.sleep(0)


async def test_others_run_while_an_upstream_asks_for_much_work() -> None:
    upstream, host = Costly(), Watcher()

    async def dial(_: Progress) -> Costly:
        return upstream

    running = asyncio.create_task(Link(dial, host, lambda: datetime.now(UTC)).run())
    try:
        async with asyncio.timeout(10):
            await host.take_turns()
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert 64 <= host.turns  # at each tile, at least
    assert not upstream.read_while_pending
    assert bytes(upstream.connection.framebuffer.pixels[511, 511]) == b"\x01\x02\x03\x00"
