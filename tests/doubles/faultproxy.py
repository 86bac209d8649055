"""A small TCP proxy that misbehaves on demand, with Toxiproxy's verbs.

async with FaultProxy("127.0.0.1", server.port) as proxy:
    ... dial proxy.port ...
    proxy.towards_client.latency = 0.5   # every byte 500 ms late, none lost
    proxy.towards_server.slice_size = 1  # one byte at a time
    proxy.black_hole()                   # nothing passes, nothing closes
    proxy.heal()                         # what was held goes on its way
    proxy.reset()                        # RST to both ends of every connection
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

_CHUNK = 64 * 1024
_MAX_HELD = 256  # chunks on their way; beyond it TCP itself holds the sender back


@dataclass
class Faults:
    """What one direction suffers. Times in seconds, sizes in bytes."""

    latency: float = 0.0
    slice_size: int | None = None
    slice_delay: float = 0.0
    bandwidth: float | None = None  # bytes per second
    limit: int | None = None  # after so many bytes in all, the connection is closed
    held: bool = False  # a black hole
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    passed: int = 0

    def heal(self) -> None:
        """Pass everything again, at once."""
        self.latency, self.slice_delay = 0.0, 0.0
        self.slice_size = self.bandwidth = self.limit = None
        self.held = False
        self.changed.set()


class FaultProxy:
    """Listens on a free loopback port and relays to `host`:`port`, or to the Unix socket `path`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, path: str | None = None) -> None:
        self._host, self._port, self._path = host, port, path
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self.port = 0
        self.accepted = 0
        self.most = 0  # that were ever open at once
        self.towards_client = Faults()
        self.towards_server = Faults()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.down()

    @property
    def live(self) -> int:
        """How many connections are open now."""
        return len(self._links)

    async def up(self) -> None:
        """Listen; the second time on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stop listening and reset every connection: dialling is refused from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        links = tuple(self._links)
        self.reset()
        await asyncio.gather(*(link.ended.wait() for link in links))

    def black_hole(self) -> None:
        """Let nothing through in either direction, and close nothing."""
        self.towards_client.held = self.towards_server.held = True

    def heal(self) -> None:
        """End every fault; what was held is delivered."""
        self.towards_client.heal()
        self.towards_server.heal()

    def reset(self) -> None:
        """RST both ends of every open connection."""
        for link in tuple(self._links):
            link.reset()

    def half_close(self) -> None:
        """Tell the client of every connection that no more will come; its bytes still pass."""
        for link in tuple(self._links):
            link.half_close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            if self._path is not None:
                ends = await asyncio.open_unix_connection(self._path)
            else:
                ends = await asyncio.open_connection(self._host, self._port)
        except OSError:
            _reset(writer)
            return
        link = _Link(writer, ends[1])
        self._links.add(link)
        self.most = max(self.most, self.live)
        try:
            await link.relay(reader, ends[0], self.towards_server, self.towards_client)
        finally:
            self._links.discard(link)
            link.ended.set()


class _Link:
    """One relayed connection."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.ended = asyncio.Event()
        self._cut = asyncio.Event()
        self._muted = False

    def reset(self) -> None:
        _reset(self.client)
        _reset(self.server)
        self._cut.set()

    def half_close(self) -> None:
        self._muted = True
        self.client.write_eof()

    async def relay(
        self,
        from_client: asyncio.StreamReader,
        from_server: asyncio.StreamReader,
        towards_server: Faults,
        towards_client: Faults,
    ) -> None:
        """Both directions until both ended, one failed or the link is cut; then nothing is open."""
        cut = asyncio.ensure_future(self._cut.wait())
        flows = asyncio.ensure_future(
            _both(
                _Flow(from_client, self.server, towards_server, lambda: False).run(),
                _Flow(from_server, self.client, towards_client, lambda: self._muted).run(),
            )
        )
        try:
            waiting: set[asyncio.Future[Any]] = {cut, flows}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            cut.cancel()
            flows.cancel()
            await flows
        except _LimitReachedError:
            self.client.close()
            self.server.close()
        except (asyncio.CancelledError, OSError):
            self.reset()
        for writer in (self.client, self.server):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@dataclass
class _Flow:
    """One direction of a link; latency delays its bytes without thinning them."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    faults: Faults
    muted: Callable[[], bool]
    on_the_way: asyncio.Queue[tuple[float, bytes]] = field(
        default_factory=lambda: asyncio.Queue(_MAX_HELD)
    )

    async def run(self) -> None:
        """Raises: OSError where an end was reset; _LimitReachedError."""
        await _both(self._collect(), self._deliver())

    async def _collect(self) -> None:
        data = b"?"
        while data:
            await self._pass_hole()  # so that TCP holds the sender back
            data = await self.reader.read(_CHUNK)
            await self.on_the_way.put((_clock() + self.faults.latency, data))

    async def _deliver(self) -> None:
        while True:
            due, data = await self.on_the_way.get()
            await asyncio.sleep(max(0.0, due - _clock()))
            if not data:
                await self._pass_hole()
                self.writer.write_eof()
                return
            for piece in _slices(data, self.faults.slice_size):
                await self._pass_hole()
                await self._send(piece)

    async def _pass_hole(self) -> None:
        while self.faults.held:
            self.faults.changed.clear()
            await self.faults.changed.wait()

    async def _send(self, piece: bytes) -> None:
        faults = self.faults
        if not self.muted():
            self.writer.write(piece)
            await self.writer.drain()
        faults.passed += len(piece)
        if faults.limit is not None and faults.limit <= faults.passed:
            raise _LimitReachedError
        delay = faults.slice_delay if faults.slice_size else 0.0
        if faults.bandwidth:
            delay += len(piece) / faults.bandwidth
        if delay:
            await asyncio.sleep(delay)


async def _both(one: Awaitable[None], other: Awaitable[None]) -> None:
    """Await both; the first failure, or being cancelled, ends the other."""
    tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


class _LimitReachedError(Exception):
    """A direction carried all that it may."""


def _slices(data: bytes, size: int | None) -> list[bytes]:
    if size is None:
        return [data]
    return [data[at : at + size] for at in range(0, len(data), size)]


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with linger 0, which sends RST rather than FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX and sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _clock() -> float:
    return asyncio.get_running_loop().time()
