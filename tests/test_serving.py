"""Connections beyond the limit are closed at once; those within it go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiohttp import web

from gateway.serving import _listen

MOST = 3
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def asked(connection: Connection) -> bytes:
    """The body of an answer on a connection that stays open."""
    reader, writer = connection
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    return await reader.readexactly(2)


async def is_served(connection: Connection) -> bool:
    try:
        return await asked(connection) == b"ok"
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


async def is_turned_away(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(1):
            return await connection[0].read() == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def crowd() -> None:
    async def ok(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", ok)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await _listen(runner, "127.0.0.1:0", None, MOST)
    port = runner.addresses[0][1]

    opened: list[Connection] = []

    async def connect() -> Connection:
        opened.append(await asyncio.open_connection("127.0.0.1", port))
        return opened[-1]

    inside = [await connect() for _ in range(MOST)]
    assert [await asked(each) for each in inside] == [b"ok"] * MOST
    for _ in range(20):
        assert await is_turned_away(await connect())
    assert [await asked(each) for each in inside] == [b"ok"] * MOST
    # Whoever leaves makes room.
    inside.pop()[1].close()
    async with asyncio.timeout(2):
        while not await is_served(await connect()):
            await asyncio.sleep(0.01)
    for _, writer in opened:
        writer.close()
    await runner.cleanup()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_beyond_the_limit_connections_are_closed_at_once(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
        runner.run(crowd())
    assert complaints == []
