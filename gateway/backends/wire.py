"""A byte stream over TCP, a Unix socket or TLS: one reader, bounded memory, a close that ends."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

from gateway.errors import RfbError, UpstreamError

_MAX_UNREAD: Final = 1024 * 1024  # beyond it TCP itself holds the other end back
_MAX_UNSENT: Final = 1024 * 1024  # input is small: an end that leaves so much lying is dead
_CLOSE_PATIENCE: Final = 0.2


class Wire(asyncio.Protocol):
    """The transport's other half. Streams of asyncio would copy each byte twice more."""

    def __init__(self) -> None:
        self.near = True  # bytes cost little on the way to the other end
        self._transport: asyncio.Transport | None = None
        self._chunks: list[bytes] = []
        self._unread = 0
        self._readable = asyncio.Event()  # bytes are waiting, or none will come
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()
        self._ended = False  # no byte will come any more
        self._error: Exception | None = None

    @property
    def unread(self) -> int:
        """How many bytes have come and were not read."""
        return self._unread

    async def read(self) -> bytes:
        """All bytes that have come, or the next to come; b"" when the other end closed.

        Raises: UpstreamError where the connection broke.
        """
        await self._readable.wait()
        if not self._chunks:
            self._check()
            return b""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._unread = 0
        if not self._ended:
            self._readable.clear()
            self._connected.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        """Send without waiting. An end that takes nothing is cut off; `read` then says so."""
        if not data or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if _MAX_UNSENT < self._transport.get_write_buffer_size():
            self._error = UpstreamError("the console stopped taking input")
            self._transport.abort()

    @property
    def full(self) -> bool:
        """Whether the other end has yet to take most of what was written."""
        return not self._writable.is_set()

    async def drain(self) -> None:
        """Wait until the other end has taken most of it. Raises: UpstreamError."""
        await self._writable.wait()
        self._check()

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None) -> ssl.SSLObject:
        """Speak TLS from here on, as its client.

        Raises: RfbError where bytes came before TLS; nobody vouches for them. OSError (of which
        `ssl.SSLError` is one) where the handshake fails.
        """
        if self._unread:
            raise RfbError("the console spoke before TLS began")
        loop = asyncio.get_running_loop()
        transport = await loop.start_tls(
            self._connected, self, context, server_hostname=server_name
        )
        if transport is None:
            raise ConnectionResetError("the connection broke as TLS began")
        self._transport = transport
        found = transport.get_extra_info("ssl_object")
        assert isinstance(found, ssl.SSLObject)
        return found

    async def close(self) -> None:
        """Close, politely for 200 ms and then at once; never raises, never hangs."""
        if self._transport is None:
            return
        self._transport.close()
        try:
            async with asyncio.timeout(_CLOSE_PATIENCE):
                await self._gone.wait()
        except TimeoutError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        # A transport of asyncio's that is gone already cannot be aborted (seen with 3.11).
        if self._transport is not None and not self._gone.is_set():
            self._transport.abort()

    @property
    def _connected(self) -> asyncio.Transport:
        assert self._transport is not None, "the wire is connected once it was dialled"
        return self._transport

    def _check(self) -> None:
        if isinstance(self._error, UpstreamError):
            raise self._error
        if self._error is not None:
            why = getattr(self._error, "strerror", None) or type(self._error).__name__
            raise UpstreamError(f"the connection broke: {why}") from self._error

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._unread += len(data)
        self._readable.set()
        if _MAX_UNREAD <= self._unread:
            self._connected.pause_reading()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._error = self._error or error
        self._end()
        self._writable.set()
        self._gone.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _end(self) -> None:
        self._ended = True
        self._readable.set()
