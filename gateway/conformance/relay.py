"""A TCP relay between a backend and its console, which does to their bytes what a check asks."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Final, Self

_BUFFER: Final = 4 * 1024 * 1024
_BYTE_BY_BYTE: Final = 4096  # so many bytes of a connection come one at a time; then
_PIECE: Final = 512


class Cut(Enum):
    """What happens to a connection."""

    RESET = "reset"
    CLOSE = "closed"
    HALF_CLOSE = "half closed"  # the console says nothing more, and hears
    SILENCE = "silent"  # nothing passes, nothing closes


@dataclass
class Weather:
    """How it is on the way."""

    delay: float = 0.0  # seconds each way
    sliced: bool = False
    cut: Cut | None = None
    cut_at: int | None = None  # bytes towards the backend, all connections together; None: never


class Relay:
    """Listens on a free loopback port. `passed`: bytes that went towards the backend."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self.weather = Weather()
        self.passed = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_BUFFER)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut(Cut.RESET)
        await self.emptied(10)

    @property
    def live(self) -> int:
        """How many connections are open."""
        return len(self._links)

    async def emptied(self, within: float) -> bool:
        """Whether every connection is gone in time."""
        try:
            async with asyncio.timeout(within):
                while self._links:
                    await next(iter(self._links)).over.wait()
        except TimeoutError:
            return False
        return True

    def begin(self, weather: Weather) -> None:
        """Let it be so from now on, and count anew."""
        self.weather, self.passed = weather, 0

    def cut(self, how: Cut) -> None:
        """Do it to every open connection."""
        for link in tuple(self._links):
            link.do(how)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            console = await asyncio.open_connection(*self._target, limit=_BUFFER)
        except OSError:
            _reset(writer)
            return
        link = _Link(self, writer, console[1])
        self._links.add(link)
        try:
            await link.run(reader, console[0])
        finally:
            self._links.discard(link)
            link.over.set()


class _Link:
    """One connection: the backend's end and the console's."""

    def __init__(
        self, relay: Relay, backend: asyncio.StreamWriter, console: asyncio.StreamWriter
    ) -> None:
        self._relay = relay
        self._backend, self._console = backend, console
        self._silent = self._mute = False
        self.over = asyncio.Event()

    def do(self, how: Cut) -> None:
        match how:
            case Cut.SILENCE:
                self._silent = True
            case Cut.HALF_CLOSE:
                self._mute = True
                if not self._backend.is_closing():
                    self._backend.write_eof()
            case Cut.CLOSE:
                self._mute = True
                self._backend.close()
            case Cut.RESET:
                _reset(self._backend)

    async def run(self, backend: asyncio.StreamReader, console: asyncio.StreamReader) -> None:
        """Until either end has gone; both have then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._upward(backend))
                tasks.create_task(self._downward(console))
        except* (OSError, EOFError):
            pass
        finally:
            for writer in (self._backend, self._console):
                writer.close()
                writer.transport.abort()

    async def _upward(self, backend: asyncio.StreamReader) -> None:
        """To the console. The backend's end closes all: none of them half closes."""
        while data := await backend.read(_BUFFER):
            await asyncio.sleep(self._relay.weather.delay)
            if not self._silent:
                self._console.write(data)
                await self._console.drain()
        raise EOFError

    async def _downward(self, console: asyncio.StreamReader) -> None:
        relay = self._relay
        self._cut_if_due()
        while data := await console.read(_BUFFER):
            await asyncio.sleep(relay.weather.delay)
            if relay.weather.cut_at is not None:
                data = data[: max(0, relay.weather.cut_at - relay.passed)]
            for piece in self._pieces(data):
                await self._pass(piece)
            self._cut_if_due()
        if not self._silent:
            self.do(Cut.HALF_CLOSE)

    def _pieces(self, data: bytes) -> list[bytes]:
        if not self._relay.weather.sliced:
            return [data]
        slow = max(0, _BYTE_BY_BYTE - self._relay.passed)
        ones = [data[at : at + 1] for at in range(min(slow, len(data)))]
        return ones + [data[at : at + _PIECE] for at in range(len(ones), len(data), _PIECE)]

    async def _pass(self, piece: bytes) -> None:
        if self._silent or self._mute or not piece:
            return
        self._relay.passed += len(piece)
        self._backend.write(piece)
        await self._backend.drain()
        if self._relay.weather.sliced:
            await asyncio.sleep(0)

    def _cut_if_due(self) -> None:
        weather = self._relay.weather
        if weather.cut and weather.cut_at is not None and weather.cut_at <= self._relay.passed:
            self.do(weather.cut)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with linger 0, which sends RST rather than FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
