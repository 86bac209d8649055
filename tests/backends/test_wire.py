"""A wire that is listened to: nothing is lost, nothing comes out of turn, the end is told once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.backends.wire import Wire
from gateway.errors import UpstreamError

WAITS = 0.05  # seconds for what should not happen


class Listener:
    """Keeps what it is handed, and can have the wire pause after each piece."""

    def __init__(self, wire: Wire, *, pausing: bool = False) -> None:
        self.heard = b""
        self.ends: list[Exception | None] = []
        self._wire = wire
        self._pausing = pausing
        self._news = asyncio.Event()
        wire.listen(self._hear, self._end)

    async def until(self, heard: bytes) -> None:
        async with asyncio.timeout(5):
            while self.heard != heard:
                self._news.clear()
                await self._news.wait()

    async def until_ended(self) -> Exception | None:
        async with asyncio.timeout(5):
            while not self.ends:
                self._news.clear()
                await self._news.wait()
        return self.ends[0]

    def _hear(self, data: bytes) -> None:
        assert not self.ends, "nothing comes after the end"
        self.heard += data
        if self._pausing:
            self._wire.pause()
        self._news.set()

    def _end(self, error: Exception | None) -> None:
        self.ends.append(error)
        self._news.set()


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Wire, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        _, wire = await asyncio.get_running_loop().create_connection(Wire, sock=ours)
        yield wire, theirs
        await wire.close()


async def test_what_came_before_anybody_listened_comes_first(
    ends: tuple[Wire, socket.socket],
) -> None:
    wire, other = ends
    other.send(b"one ")
    while not wire.unread:
        await asyncio.sleep(0)
    listener = Listener(wire)
    assert listener.heard == b"one "
    other.send(b"two")
    await listener.until(b"one two")
    assert wire.unread == 0


async def test_a_pause_holds_back_bytes_and_end(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    listener = Listener(wire, pausing=True)
    other.send(b"one ")
    await listener.until(b"one ")
    other.send(b"two")
    other.close()
    await asyncio.sleep(WAITS)
    assert (listener.heard, listener.ends) == (b"one ", [])
    wire.resume()
    await listener.until(b"one two")
    await asyncio.sleep(WAITS)
    assert listener.ends == []
    wire.resume()
    assert await listener.until_ended() is None
    await asyncio.sleep(WAITS)
    assert len(listener.ends) == 1


async def test_a_pause_holds_back_what_the_transport_had_read(
    ends: tuple[Wire, socket.socket],
) -> None:
    """TLS may have taken more out of a record."""
    wire, _ = ends
    listener = Listener(wire)
    wire.pause()
    wire.data_received(b"a record")
    wire.eof_received()
    assert (listener.heard, listener.ends) == (b"", [])
    wire.resume()
    assert (listener.heard, listener.ends) == (b"a record", [None])


async def test_an_end_before_anybody_listened_is_told(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    other.send(b"the last")
    other.close()
    await asyncio.sleep(WAITS)
    listener = Listener(wire)
    assert listener.heard == b"the last"
    assert listener.ends == [None]


async def test_what_broke_it_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, *server.getsockname())
        other, _ = server.accept()
        listener = Listener(wire)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        other.close()
        error = await listener.until_ended()
        assert isinstance(error, UpstreamError)
        assert "Connection reset" in str(error)
        wire.pause()
        wire.resume()
        await wire.close()
