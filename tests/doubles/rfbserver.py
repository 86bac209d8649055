"""A scriptable RFB server: it records every byte it was sent and says what a test tells it to.

It is written from RFC 6143 alone and imports nothing of the gateway, so that a mistake in our codec
is not mirrored here.

    async with FakeRfbServer() as server:           # shakes hands, paints on request
        ... dial server.port ...
        talk = await server.connected()
        server.paint(0, 0, 8, 8, (255, 0, 0))
        await talk.until(lambda: talk.keys)         # [(True, 0x61, None), (False, 0x61, None)]

    async def silent(talk): await talk.silence()    # a script of its own: one call per connection
    async with FakeRfbServer(silent) as server: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

VERSION = b"RFB 003.008\n"
NONE, VNC = 1, 2
PAINT_RGBX = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)

Script = Callable[["Conversation"], Awaitable[None]]


@dataclass(frozen=True)
class ClientMessage:
    """One message of a client after the handshake: its type and all of its bytes."""

    type: int
    raw: bytes


class Conversation:
    """One connection, as the server sees it."""

    def __init__(
        self, server: FakeRfbServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self._reader, self._writer = reader, writer
        self._heard = asyncio.Event()
        self.received = bytearray()  # every byte, handshake included
        self.messages: list[ClientMessage] = []  # those that `listen` told apart
        self.closed = False  # the client closed or reset its side
        self._wants_update = False
        self._continuous = False
        self._owed: list[bytes] = []  # rects painted while no request was outstanding

    # what was heard

    @property
    def keys(self) -> list[tuple[bool, int, int | None]]:
        """Every key event so far: down, keysym, XT scancode where it came as a QEMU message."""
        events: list[tuple[bool, int, int | None]] = []
        for message in self.messages:
            if message.type == 4:  # RFC 6143 §7.5.4: type, down-flag, 2 padding, keysym
                down, keysym = struct.unpack(">xBxxI", message.raw)
                events.append((bool(down), keysym, None))
            elif message.type == 255:  # QEMU: type, submessage 0, down U16, keysym, scancode
                down, keysym, scancode = struct.unpack(">xxHII", message.raw)
                events.append((bool(down), keysym, scancode))
        return events

    @property
    def pointers(self) -> list[tuple[int, int, int]]:
        """Every pointer event so far: x, y, buttons."""
        found = []
        for message in self.messages:
            if message.type == 5:  # RFC 6143 §7.5.5: type, button-mask, x, y
                buttons, x, y = struct.unpack(">xBHH", message.raw)
                found.append((x, y, buttons))
        return found

    @property
    def encodings(self) -> tuple[int, ...]:
        """What the newest SetEncodings offered."""
        for message in reversed(self.messages):
            if message.type == 2:
                return struct.unpack(f">{(len(message.raw) - 4) // 4}i", message.raw[4:])
        return ()

    async def until(self, true: Callable[[], object], within: float = 5.0) -> None:
        """Wait until something heard makes `true()` true. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            while not true():
                self._heard.clear()
                await self._heard.wait()

    # what is said

    def send(self, data: bytes) -> None:
        """Say exactly these bytes."""
        self._writer.write(data)

    async def drip(self, data: bytes, delay: float) -> None:
        """Say one byte at a time, until the client has had enough."""
        for byte in data:
            if self._writer.is_closing():
                return
            self.send(bytes([byte]))
            await asyncio.sleep(delay)

    async def expect(self, count: int) -> bytes:
        """The next `count` bytes. Raises: IncompleteReadError where the client left before."""
        data = await self._reader.readexactly(count)
        self._hear(data)
        return data

    async def silence(self) -> None:
        """Say nothing; listen to raw bytes until the client leaves."""
        while data := await self._reader.read(65536):
            self._hear(data)

    def reset(self) -> None:
        """RST."""
        sock = self._writer.get_extra_info("socket")
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def half_close(self) -> None:
        """FIN; the client may still speak."""
        self._writer.write_eof()

    def close(self) -> None:
        """Say what is waiting to be said, then FIN."""
        self._writer.close()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on, as its server."""
        await self._writer.start_tls(context)

    # parts that scripts are made of

    async def handshake(self) -> None:
        """RFC 6143 §7.1–7.3 up to ServerInit, with a password where the server has one."""
        server = self.server
        self.send(VERSION)
        await self.expect(12)
        kind = NONE if server.password is None else VNC
        self.send(bytes([1, kind]))
        await self.expect(1)
        if server.password is not None:
            challenge = os.urandom(16)
            self.send(challenge)
            if await self.expect(16) != vnc_response(server.password, challenge):
                reason = b"wrong password"
                self.send(struct.pack(">II", 1, len(reason)) + reason)
                self.close()
                raise ConnectionError("the client used a wrong password")
        self.send(struct.pack(">I", 0))  # SecurityResult: OK
        await self.expect(1)  # ClientInit: shared
        self.send(server_init(server.width, server.height, server.name))

    async def vencrypt(self, context: ssl.SSLContext, *, injected: bytes = b"") -> None:
        """The same with VeNCrypt 0.2 and its subtype X509None (260; rfbproto, VeNCrypt).

        `injected` is said in clear, behind the last word before TLS.
        """
        self.send(VERSION)
        await self.expect(12)
        self.send(bytes([1, 19]))
        await self.expect(1)
        self.send(bytes([0, 2]))
        await self.expect(2)
        self.send(struct.pack(">BBI", 0, 1, 260))
        await self.expect(4)
        self.send(b"\x01" + injected)
        await self.start_tls(context)
        self.send(struct.pack(">I", 0))
        await self.expect(1)
        self.send(server_init(self.server.width, self.server.height, self.server.name))

    async def listen(self) -> None:
        """Tell messages apart and answer update requests until the client leaves."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                message = await self._message()
                self.messages.append(message)
                if message.type == 3:  # RFC 6143 §7.5.3: incremental, x, y, width, height
                    self._wants_update = True
                    if not message.raw[1]:
                        self._owed = [self.server.everything()]
                    self._pay()
                elif message.type == 150:  # EnableContinuousUpdates: enable, x, y, width, height
                    self._continuous = bool(message.raw[1])
                self._heard.set()

    def update(self, *rects: bytes) -> None:
        """Send a FramebufferUpdate of these rects (header and contents each), asked for or not."""
        self._wants_update = False
        self.send(struct.pack(">BxH", 0, len(rects)) + b"".join(rects))

    def owe(self, rect: bytes) -> None:
        """Send a rect now if an update is awaited, else with the next request."""
        self._owed.append(rect)
        self._pay()

    def _pay(self) -> None:
        if self._owed and (self._wants_update or self._continuous):
            self.update(*self._owed)
            self._owed = []

    async def _message(self) -> ClientMessage:
        kind = (await self.expect(1))[0]
        if kind in _FIXED:
            return ClientMessage(kind, bytes([kind]) + await self.expect(_FIXED[kind] - 1))
        head_size, unit = _COUNTED[kind]
        head = await self.expect(head_size - 1)
        count = abs(_COUNTS[kind](head))
        return ClientMessage(kind, bytes([kind]) + head + await self.expect(count * unit))

    def _hear(self, data: bytes) -> None:
        self.received += data
        self._heard.set()

    async def _run(self, script: Script) -> None:
        try:
            await script(self)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left, which is its right
        finally:
            self.closed = True
            self._heard.set()
            self._writer.close()
            # asyncio never tells the end of a connection whose TLS handshake failed.
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.3):
                    await self._writer.wait_closed()


_FIXED = {0: 20, 3: 10, 4: 8, 5: 6, 150: 10, 250: 4, 255: 12}
_COUNTED = {2: (4, 4), 6: (8, 1), 248: (9, 1), 251: (8, 16)}  # size of the head, of one item

_COUNTS: dict[int, Callable[[bytes], int]] = {
    2: lambda head: int.from_bytes(head[1:3], "big"),  # SetEncodings: padding, U16 count
    6: lambda head: int.from_bytes(head[3:7], "big", signed=True),  # cut text: 3 padding, S32
    248: lambda head: head[7],  # fence: 3 padding, U32 flags, U8 length
    251: lambda head: head[5],  # SetDesktopSize: padding, U16 w, U16 h, U8 screens, padding
}


async def attentive(talk: Conversation) -> None:
    """The default script: a well-behaved server."""
    await talk.handshake()
    await talk.listen()


class FakeRfbServer:
    """Listens on a free loopback port (or the Unix socket `path`), one `script` per connection."""

    def __init__(
        self,
        script: Script = attentive,
        *,
        width: int = 64,
        height: int = 48,
        name: bytes = b"fake",
        password: str | None = None,
        path: str | None = None,
    ) -> None:
        self.script = script
        self.width, self.height, self.name, self.password = width, height, name, password
        self.path = path
        self.port = 0
        self.conversations: list[Conversation] = []
        self.pixels = bytearray(width * height * 4)  # R, G, B, 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; the second time on the same port as before."""
        if self.path is not None:
            self._server = await asyncio.start_unix_server(self._accept, self.path)
            return
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection, as a killed hypervisor does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def live(self) -> int:
        """How many connections are open now."""
        return len(self._tasks)

    async def connected(self, count: int = 1, within: float = 5.0) -> Conversation:
        """The `count`th connection ever made, once it is there. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            while len(self.conversations) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.conversations[count - 1]

    def paint(self, x: int, y: int, width: int, height: int, rgb: tuple[int, int, int]) -> None:
        """Fill a rect and send it, Raw, to every client: now or when it next asks.

        Clients are taken to have asked for bytes R, G, B, 0 (`PAINT_RGBX`).
        """
        pixel = bytes((*rgb, 0))
        for row in range(y, y + height):
            at = (row * self.width + x) * 4
            self.pixels[at : at + width * 4] = pixel * width
        rect = struct.pack(">HHHHi", x, y, width, height, 0) + pixel * (width * height)
        for talk in self.conversations:
            if not talk.closed:
                talk.owe(rect)

    def everything(self) -> bytes:
        """The whole framebuffer as one Raw rect."""
        head = struct.pack(">HHHHi", 0, 0, self.width, self.height, 0)
        return head + bytes(self.pixels)

    def resize(self, width: int, height: int) -> None:
        """Take a new size (black) and tell it to every client, as DesktopSize."""
        self.width, self.height = width, height
        self.pixels = bytearray(width * height * 4)
        rect = struct.pack(">HHHHi", 0, 0, width, height, -223)
        for talk in self.conversations:
            if not talk.closed:
                talk.owe(rect)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Conversation(self, reader, writer)
        self.conversations.append(talk)
        task = asyncio.get_running_loop().create_task(talk._run(self.script))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._arrived.set()


def server_init(width: int, height: int, name: bytes) -> bytes:
    """RFC 6143 §7.3.2: width, height, pixel format, name length, name."""
    head = struct.pack(">HH", width, height) + PAINT_RGBX
    return head + struct.pack(">I", len(name)) + name


def vnc_response(password: str, challenge: bytes) -> bytes:
    """RFC 6143 §7.2.2: DES of the challenge; each byte of the key has its bits mirrored."""
    padded = password.encode("latin-1")[:8].ljust(8, b"\0")
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in padded)
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()
