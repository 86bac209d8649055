"""A host that takes what an RDP client says first, and notes every byte of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self

SSL: Final = 1
HYBRID: Final = 2


def confirm(protocol: int) -> bytes:
    """X.224 connection confirm: TPKT, X.224 (length 14, CC, references, class), RDP_NEG_RSP."""
    answer = struct.pack("<BBHI", 2, 0, 8, protocol)
    return struct.pack(">BBH", 3, 0, 11 + len(answer)) + b"\x0e\xd0\0\0\x12\x34\0" + answer


class Visit:
    """One connection. Nothing is read ahead, so that TLS begins at its very byte."""

    def __init__(self, sock: socket.socket) -> None:
        self.first = b""  # a PCB, or an X.224 connection request
        self.secret = b""  # what came inside TLS
        self.over = asyncio.Event()
        self._sock = sock
        self.reader: asyncio.StreamReader | None = None  # inside TLS
        self.writer: asyncio.StreamWriter | None = None

    async def read(self, count: int) -> bytes:
        """So many bytes. Raises: EOFError."""
        if self.reader is not None:
            return await self.reader.readexactly(count)
        data = b""
        while len(data) < count:
            more = await asyncio.get_running_loop().sock_recv(self._sock, count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    async def write(self, data: bytes) -> None:
        if self.writer is not None:
            self.writer.write(data)
        else:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)

    async def read_tpkt(self) -> bytes:
        """One TPKT (RFC 1006 §6): version 3, a reserved byte, U16 length of all."""
        head = await self.read(4)
        (length,) = struct.unpack(">xxH", head)
        return head + await self.read(length - 4)

    async def read_pcb(self) -> bytes:
        """MS-RDPEPS §2.2.1: a U32 size of all, little-endian, comes first."""
        head = await self.read(4)
        (length,) = struct.unpack("<I", head)
        if not 18 <= length <= 1024:  # as X.224's first bytes would have it
            raise EOFError
        return head + await self.read(length - 4)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on, as its server. Raises: OSError."""
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(self.reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, self._sock, ssl=context)
        self.writer = asyncio.StreamWriter(transport, protocol, self.reader, loop)

    async def listen(self) -> None:
        """Note what comes, until the other end goes."""
        while True:
            self.secret += await self.read(1)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
        self._sock.close()


Script = Callable[[Visit], Awaitable[None]]


class RdpHost:
    """Runs `script` for each visitor who says anything; `visits` are those."""

    def __init__(self, script: Script) -> None:
        self.visits: list[Visit] = []
        self._script = script
        self._news = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._tasks.add(asyncio.create_task(self._serve()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()
        for each in ends:
            if isinstance(each, Exception) and error is None:
                raise each  # what the script itself did not expect

    async def visited(self) -> Visit:
        """The first visitor, once it has gone."""
        while not self.visits:
            self._news.clear()
            await self._news.wait()
        await self.visits[0].over.wait()
        return self.visits[0]

    async def _serve(self) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            self._tasks.add(asyncio.create_task(self._visited(sock)))

    async def _visited(self, sock: socket.socket) -> None:
        visit = Visit(sock)
        try:
            with contextlib.suppress(OSError, EOFError):
                # Who only looks whether somebody listens says nothing.
                if not await _says_something(sock):
                    return
                self.visits.append(visit)
                self._news.set()
                await self._script(visit)
        finally:
            visit.over.set()
            visit.close()


async def _says_something(sock: socket.socket) -> bool:
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
    return bool(sock.recv(1, socket.MSG_PEEK))
