"""A viewer over a real WebSocket (the `websockets` library), written from RFC 6143.

async with WsViewer.opened(url, origin) as viewer:
    await viewer.start()                    # handshake, encodings, first request
    await viewer.until(lambda: viewer.frames)
    await viewer.key(True, 0x61)
    code = await viewer.closed()            # the WebSocket's close code
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

RAW, DESKTOP_SIZE, CURSOR = 0, -223, -239
FENCE, CONTINUOUS = -312, -313
PLAIN = (RAW, DESKTOP_SIZE)
MODERN = (RAW, DESKTOP_SIZE, FENCE, CONTINUOUS)


class WsViewer:
    """Paints what it is sent in Raw; answers fences; takes continuous updates where offered."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.width = self.height = 0
        self.name = b""
        self.pixels = bytearray()
        self.frames = 0  # FramebufferUpdates
        self.received = 0  # bytes
        self.bells = 0
        self.clipboard: bytes | None = None
        self.pointed: list[Any] = []  # where the pointer in control was said to be, x and y or None
        self.continuous = False
        self.answers_fences = True
        self._buffer = bytearray()
        self._heard = asyncio.Condition()
        self._pump: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        url: str,
        origin: str | None,
        protocols: Sequence[str] = (),
        *,
        protocol: str = "eva.rfb",
        **options: Any,
    ) -> AsyncIterator[Self]:
        """Connected, nothing said yet."""
        subprotocols: Any = [protocol, *protocols]
        async with connect(
            url,
            origin=origin,  # type: ignore[arg-type]
            subprotocols=subprotocols,
            compression=None,
            max_size=None,
            close_timeout=0.5,
            **options,
        ) as ws:
            viewer = cls(ws)
            try:
                yield viewer
            finally:
                if viewer._pump is not None:
                    viewer._pump.cancel()
                    await asyncio.gather(viewer._pump, return_exceptions=True)

    @property
    def digest(self) -> str:
        """Of what is on the screen."""
        return hashlib.sha256(bytes(self.pixels)).hexdigest()

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        at = (y * self.width + x) * 4
        red, green, blue = self.pixels[at : at + 3]
        return red, green, blue

    async def start(self, encodings: Sequence[int] = MODERN) -> None:
        """RFC 6143 §7.1–7.3, our pixel format and encodings, then ask for everything."""
        await self.take(12)
        await self.ws.send(b"RFB 003.008\n")
        (count,) = await self.take(1)
        await self.take(count)
        await self.ws.send(b"\x01")  # security type None
        assert await self.take(4) == b"\0\0\0\0"  # SecurityResult: OK
        await self.ws.send(b"\x01")  # ClientInit: shared
        self.width, self.height = struct.unpack(">HH", await self.take(4))
        await self.take(16)  # pixel format
        self.name = await self.take(struct.unpack(">I", await self.take(4))[0])
        self.pixels = bytearray(self.width * self.height * 4)
        # SetPixelFormat: 32 bits, depth 24, little endian, R G B 0.
        await self.ws.send(
            b"\0\0\0\0" + struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
        )
        await self.ws.send(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))
        await self.request(incremental=False)
        self._pump = asyncio.create_task(self._read())

    async def request(self, *, incremental: bool = True) -> None:
        await self.ws.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    async def key(self, down: bool, keysym: int) -> None:
        await self.ws.send(struct.pack(">BBxxI", 4, down, keysym))

    async def pointer(self, x: int, y: int, buttons: int = 0) -> None:
        await self.ws.send(struct.pack(">BBHH", 5, buttons, x, y))

    async def cut_text(self, text: bytes) -> None:
        await self.ws.send(struct.pack(">BxxxI", 6, len(text)) + text)

    async def until(self, true: Callable[[], object], within: float = 5.0) -> None:
        """Wait until what was heard makes `true()` true. Raises: TimeoutError."""
        async with asyncio.timeout(within), self._heard:
            await self._heard.wait_for(lambda: bool(true()))

    async def closed(self, within: float = 5.0) -> int:
        """The close code, once the WebSocket is closed."""
        async with asyncio.timeout(within):
            if self._pump is not None:
                await asyncio.gather(self._pump, return_exceptions=True)
            await self.ws.wait_closed()
        return self.ws.close_code or 0

    async def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises: ConnectionClosed."""
        while len(self._buffer) < count:
            data = await self.ws.recv()
            if isinstance(data, str):
                await self._told(json.loads(data))
                continue
            self.received += len(data)
            self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    async def _told(self, message: dict[str, Any]) -> None:
        assert self.ws.subprotocol == "eva.rfb.pointer", "a text message for who knows none"
        self.pointed.append(message.pop("pointer"))
        assert not message
        async with self._heard:
            self._heard.notify_all()

    async def _read(self) -> None:
        try:
            while True:
                await self._message()
                async with self._heard:
                    self._heard.notify_all()
        except ConnectionClosed:
            return

    async def _message(self) -> None:
        (kind,) = await self.take(1)
        if kind == 0:
            await self._update()
        elif kind == 2:
            self.bells += 1
        elif kind == 3:
            (length,) = struct.unpack(">3xI", await self.take(7))
            self.clipboard = await self.take(length)
        elif kind == 150:
            self.continuous = True
            await self.ws.send(struct.pack(">BBHHHH", 150, 1, 0, 0, self.width, self.height))
        elif kind == 248:
            flags, length = struct.unpack(">3xIB", await self.take(8))
            payload = await self.take(length)
            if self.answers_fences and flags & (1 << 31):
                head = struct.pack(">B3xIB", 248, flags & 7, length)
                await self.ws.send(head + payload)
        else:
            raise AssertionError(f"message type {kind}")

    async def _update(self) -> None:
        (rects,) = struct.unpack(">xH", await self.take(3))
        for _ in range(rects):
            x, y, width, height, encoding = struct.unpack(">HHHHi", await self.take(12))
            if encoding == DESKTOP_SIZE:
                self.width, self.height = width, height
                self.pixels = bytearray(width * height * 4)
                continue
            assert encoding == RAW, encoding
            data = await self.take(width * height * 4)
            for row in range(height):
                at = ((y + row) * self.width + x) * 4
                self.pixels[at : at + width * 4] = data[row * width * 4 : (row + 1) * width * 4]
        self.frames += 1
        if not self.continuous:
            await self.request()
