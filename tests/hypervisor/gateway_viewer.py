"""A viewer at the gateway's door: the `websockets` client, and our client's role to decode."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

import numpy as np
import numpy.typing as npt
from websockets.asyncio.client import ClientConnection as WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, Resized

Pixels = npt.NDArray[np.uint8]
RETURN = 0xFF0D


class GatewayViewer:
    """Sees and types."""

    def __init__(self, ws: WebSocket) -> None:
        self.ws = ws
        self.connection = ClientConnection()
        self.events: list[Event] = []
        self._heard = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        address: str,
        origin: str,
        tls: ssl.SSLContext | None,
        *,
        ticket: str = "",
        token: str = "",
    ) -> AsyncIterator[Self]:
        """By a ticket, as the operator, or by a bearer token, as the tenant."""
        protocols = ["eva.rfb", *([f"ticket.{ticket}"] if ticket else [])]
        async with connect(
            address,
            origin=Origin(origin),
            subprotocols=[Subprotocol(name) for name in protocols],
            additional_headers={"Authorization": f"Bearer {token}"} if token else {},
            ssl=tls,
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=30,
            close_timeout=1,
        ) as ws:
            viewer = cls(ws)
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(viewer._read(), name="viewer")
                try:
                    yield viewer
                finally:
                    reading.cancel()

    @property
    def open(self) -> bool:
        """Whether the stream that it began with is still there."""
        return self.ws.close_code is None

    @property
    def size(self) -> tuple[int, int]:
        if not self.connection.ready:
            return 0, 0
        framebuffer = self.connection.framebuffer
        return framebuffer.width, framebuffer.height

    @property
    def pixels(self) -> Pixels:
        """Height x width x R, G, B."""
        return self.connection.framebuffer.pixels[:, :, :3]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Every size that it was told after the first."""
        return [(e.width, e.height) for e in self.events if isinstance(e, Resized)]

    async def until(self, true: Callable[[], object], within: float = 30.0) -> None:
        """Wait until what was heard makes `true()` true. Raises: TimeoutError."""
        async with asyncio.timeout(within), self._heard:
            await self._heard.wait_for(lambda: bool(true()))

    async def sees(self, truth: Callable[[], Pixels], within: float = 30.0) -> None:
        """Wait until every pixel is as `truth` has it. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            while not (self.connection.ready and same(self.pixels, await asyncio.to_thread(truth))):
                await self.news()

    async def news(self) -> None:
        """Wait for something new; not for long, as the truth may have been slower than we."""
        try:
            async with asyncio.timeout(0.2), self._heard:
                await self._heard.wait()
        except TimeoutError:
            pass

    async def key(self, keysym: int, scancode: int | None = None) -> None:
        """Press and release."""
        for down in (True, False):
            self.connection.send_key(down, keysym, scancode)
        await self.ws.send(self.connection.data_to_send())

    async def chord(self, *keysyms: int) -> None:
        """Press all, then release them, the last one first."""
        for keysym in keysyms:
            self.connection.send_key(True, keysym, None)
        for keysym in reversed(keysyms):
            self.connection.send_key(False, keysym, None)
        await self.ws.send(self.connection.data_to_send())

    async def type(self, text: str, *, scancodes: Sequence[int | None] = ()) -> None:
        r"""Type letters that need no Shift, as fast as a good typist; \n is Return."""
        for letter, scancode in zip(text, scancodes or [None] * len(text), strict=True):
            await self.key(RETURN if letter == "\n" else ord(letter), scancode)
            await asyncio.sleep(0.03)

    async def point(self, x: int, y: int) -> None:
        """Move the pointer."""
        self.connection.send_pointer(x, y, 0)
        await self.ws.send(self.connection.data_to_send())

    async def _read(self) -> None:
        try:
            async for data in self.ws:
                assert isinstance(data, bytes)
                self.events += self.connection.receive_data(data)
                while self.connection.pending:
                    self.events += self.connection.receive_data(b"")
                if reply := self.connection.data_to_send():
                    await self.ws.send(reply)
                async with self._heard:
                    self._heard.notify_all()
        except ConnectionClosed:
            return


def same(one: Pixels, other: Pixels) -> bool:
    """Whether two screens have one size and the same pixels."""
    return one.shape == other.shape and np.array_equal(one, other)
