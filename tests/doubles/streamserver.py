"""A console stream's other end, scripted: what the gateway does to a relay, without a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from websockets.asyncio.server import Request, Response, ServerConnection, serve

Script = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class StreamServer:
    """Plays `script` to each relay, and remembers what it was asked with."""

    script: Script
    refuses: HTTPStatus | None = None
    port: int = 0
    origins: list[str | None] = field(default_factory=list)
    protocols: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self.port}/consoles/c1/stream"

    def look(self, connection: ServerConnection, request: Request) -> Response | None:
        self.origins.append(request.headers.get("Origin"))
        self.protocols += [p.strip() for p in request.headers["Sec-WebSocket-Protocol"].split(",")]
        self.paths.append(request.path)
        return connection.respond(self.refuses, "no\n") if self.refuses else None


@asynccontextmanager
async def streaming(
    script: Script, refuses: HTTPStatus | None = None
) -> AsyncIterator[StreamServer]:
    """A stream server on a free loopback port."""
    double = StreamServer(script, refuses)
    async with serve(
        script,
        "127.0.0.1",
        0,
        subprotocols=["eva.rfb"],  # type: ignore[list-item]
        process_request=double.look,
        compression=None,
        max_size=64 * 1024,  # what the gateway takes
        close_timeout=1,
    ) as server:
        double.port = server.sockets[0].getsockname()[1]
        yield double


async def echo(connection: ServerConnection) -> None:
    """Send back whatever comes."""
    async for message in connection:
        await connection.send(message)


async def quiet(connection: ServerConnection) -> None:
    """Say nothing until the relay leaves."""
    await connection.wait_closed()


async def flood(connection: ServerConnection) -> None:
    """Send as much as the relay takes, for ever."""
    while True:
        await connection.send(bytes(256 * 1024))
        await asyncio.sleep(0)
