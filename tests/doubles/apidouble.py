"""What the doubles of hypervisors' APIs share: HTTPS on loopback, and a WebSocket to a screen.

    async with ProxmoxDouble(authority, Screen(port=server.port)) as api:
        ... dial api.port ...
        assert api.asked == ["POST /api2/json/…", …]
        api.redirect = "https://elsewhere/"      # whatever is asked, from now on
        api.silent = True                        # takes every question and answers none

They are written from the hypervisors' documentation and sources alone, and import nothing of the
gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.doubles.authority import Authority


@dataclass
class Screen:
    """A VNC server at a loopback port, or one that speaks WebSocket itself, as QEMU's does."""

    port: int = 0
    websocket_port: int = 0


class ApiDouble:
    """Subclasses answer in `reply`."""

    def __init__(self, authority: Authority, screen: Screen) -> None:
        self.screen = screen
        self.asked: list[str] = []
        self.opened = 0  # WebSockets so far
        self.redirect: str | None = None
        self.silent = False
        self.garbage: bytes | None = None  # what stands instead of every answer's body
        self.address = "127.0.0.1"
        self.port = 0
        self.wanted_port = 0  # the system chooses
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(authority.certificate_file, authority.key_file)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.address, self.wanted_port, ssl_context=self._tls)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """What the API says."""
        raise NotImplementedError

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.silent:
            await asyncio.sleep(60)
        if self.redirect is not None:
            return web.Response(status=302, headers={"Location": self.redirect})
        if self.garbage is not None:
            return web.Response(body=self.garbage, content_type="application/json", status=200)
        return await self.reply(request)

    async def show(
        self, request: web.Request, *, protocols: Sequence[str] = ()
    ) -> web.StreamResponse:
        """Upgrade, and carry the screen's bytes until either side ends."""
        ws = web.WebSocketResponse(protocols=protocols, compress=False)
        await ws.prepare(request)
        self.opened += 1
        with contextlib.suppress(OSError, aiohttp.ClientError):
            if self.screen.websocket_port:
                await _to_websocket(ws, self.screen.websocket_port)
            else:
                await _to_tcp(ws, self.screen.port)
        await ws.close()
        return ws


async def _to_tcp(ws: web.WebSocketResponse, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def up() -> None:
        async for message in ws:
            writer.write(message.data)
            await writer.drain()

    async def down() -> None:
        while data := await reader.read(65536):
            await ws.send_bytes(data)

    try:
        await _either(up(), down())
    finally:
        writer.close()


async def _to_websocket(ws: web.WebSocketResponse, port: int) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{port}/", protocols=["binary"], compress=0) as other,
    ):

        async def carry(one: Any, another: Any) -> None:
            async for message in one:
                await another.send_bytes(message.data)

        await _either(carry(ws, other), carry(other, ws))


async def _either(*ways: Any) -> None:
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
