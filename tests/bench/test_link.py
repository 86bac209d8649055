"""The far link passes every byte on, in order, and no sooner than distance and rate allow."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.bench.link import Link, linked

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
FAST = 400e6  # bits a second: as good as none of the tests' time


@asynccontextmanager
async def through_a_link(
    served: Served, *, round_trip: float = 0.0, bits_per_second: float = FAST
) -> AsyncIterator[Streams]:
    """A connection to a server that does `served` and hangs up, from afar."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await served(reader, writer)
            writer.close()
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with linked(port, round_trip=round_trip, bits_per_second=bits_per_second) as near:
            reader, writer = await asyncio.open_connection("127.0.0.1", near)
            yield reader, writer
            writer.transport.abort()
        await asyncio.wait_for(over.wait(), 20)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say everything back."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_nothing_is_lost_or_changes_places() -> None:
    sent = random.Random(4).randbytes(1 << 20)
    async with through_a_link(echo, round_trip=0.01) as (reader, writer):
        writer.write(sent)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(-1), 20) == sent


async def test_a_round_trip_takes_its_time() -> None:
    async with through_a_link(echo, round_trip=0.1) as (reader, writer):
        for _ in range(3):
            begun = time.monotonic()
            writer.write(b"a key")
            await asyncio.wait_for(reader.readexactly(5), 20)
            assert 0.098 <= time.monotonic() - begun


async def test_no_more_passes_than_the_rate_allows() -> None:
    async with through_a_link(echo, bits_per_second=4e6) as (reader, writer):
        begun = time.monotonic()
        writer.write(bytes(100_000))
        await asyncio.wait_for(reader.readexactly(100_000), 20)
        assert 0.198 <= time.monotonic() - begun  # half a megabyte a second


async def test_an_end_of_file_goes_one_way_only() -> None:
    async def answer_after_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"all of " + await reader.read(-1))

    async with through_a_link(answer_after_all, round_trip=0.01) as (reader, writer):
        writer.write(b"it")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(-1), 20) == b"all of it"


async def test_a_connection_that_breaks_breaks_at_the_other_end() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        endpoint = writer.get_extra_info("socket")  # with this option, closing it is a reset
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with through_a_link(break_off, round_trip=0.01) as (reader, writer):
        writer.write(b"!")
        assert await asyncio.wait_for(reader.read(-1), 20) == b""


async def test_a_sender_waits_for_a_reader_who_does_not_read() -> None:
    bored = asyncio.Event()

    async def stare(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await bored.wait()  # a reader stops its transport at a few dozen kilobytes

    async with through_a_link(stare) as (_, writer):
        writer.transport.set_write_buffer_limits(0)
        with pytest.raises(TimeoutError):
            for _ in range(8 << 10):  # 64 MiB; the link and three kernels' buffers hold less
                writer.write(bytes(8 << 10))
                await asyncio.wait_for(writer.drain(), 0.5)
        bored.set()


@pytest.mark.parametrize(
    ("round_trip", "bits_per_second", "held"),
    [(0.1, 2e6, 128 << 10), (0.1, 20e6, 125_000 + (64 << 10)), (0.2, 20e6, 250_000 + (64 << 10))],
)
def test_a_link_holds_what_travels_and_a_short_queue(
    round_trip: float, bits_per_second: float, held: int
) -> None:
    assert Link(round_trip / 2, bits_per_second / 8).held == held
