"""A byte stream over TCP, a Unix socket or TLS: one reader, bounded memory, a close that ends.

While hands are shaken it is read, step by step; from then on it is listened to: what arrives is
handed over in the callback that brings it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Protocol, cast

from gateway.errors import RfbError, UpstreamError

_MAX_UNREAD: Final = 1024 * 1024  # beyond it TCP itself holds the other end back
_MAX_UNSENT: Final = 1024 * 1024  # input is small: an end that leaves so much lying is dead
_CLOSE_PATIENCE: Final = 0.2

Heard = Callable[[bytes], None]
# Told once: None where the other end closed, else what broke the connection.
Ended = Callable[[Exception | None], None]


class Stream(Protocol):
    """What an upstream is read from and written to: a `Wire`, or what wraps one."""

    near: bool

    @property
    def full_since(self) -> float | None:
        """Since when, by the loop's clock, what was written waits to be taken; None if not."""

    async def read(self) -> bytes:
        """All bytes that have come, or the next to come; b"" when the other end closed.

        Raises: UpstreamError, RfbError.
        """

    def listen(self, heard: Heard, ended: Ended) -> None:
        """Hand over what has come, and whatever comes, at once; nobody reads any more."""

    def pause(self) -> None:
        """Hand over nothing, and hold the other end back."""

    def resume(self) -> None:
        """Hand over what came meanwhile, and go on."""

    def write(self, data: bytes) -> None:
        """Send without waiting."""

    async def close(self) -> None:
        """Close, politely for 200 ms and then at once; never raises, never hangs."""

    def abort(self) -> None:
        """Close at once."""


class Wire(asyncio.Protocol):
    """The transport's other half. Streams of asyncio would copy each byte twice more."""

    def __init__(self) -> None:
        self.near = True  # bytes cost little on the way to the other end
        self._transport: asyncio.Transport | None = None
        self._chunks: list[bytes] = []
        self._unread = 0
        self._readable = asyncio.Event()  # bytes are waiting, or none will come
        self._full_since: float | None = None
        self._heard: Heard | None = None
        self._tell_end: Ended | None = None
        self._paused = False  # by the listener
        self._gone = asyncio.Event()
        self._ended = False  # no byte will come any more
        self._error: Exception | None = None

    @property
    def unread(self) -> int:
        """How many bytes have come and were not read."""
        return self._unread

    @property
    def full_since(self) -> float | None:
        """Since when, by the loop's clock, what was written waits to be taken; None if not."""
        return self._full_since

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

    def listen(self, heard: Heard, ended: Ended) -> None:
        """Hand over what has come, and whatever comes, at once; nobody reads any more.

        `ended` is told an UpstreamError where the connection broke.
        """
        self._heard, self._tell_end = heard, ended
        self._hand_over()

    def pause(self) -> None:
        """Hand over nothing, and hold the other end back."""
        if not self._paused and not self._ended:
            self._connected.pause_reading()
        self._paused = True

    def resume(self) -> None:
        """Hand over what came meanwhile, and go on."""
        self._paused = False
        self._hand_over()

    def write(self, data: bytes) -> None:
        """Send without waiting. An end that takes nothing is cut off, which its reader is told."""
        if not data or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if _MAX_UNSENT < self._transport.get_write_buffer_size():
            self._error = UpstreamError("the console stopped taking input")
            self._transport.abort()

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

    def _hand_over(self) -> None:
        if self._chunks and self._heard is not None and not self._paused:
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._unread = 0
            self._heard(data)
        if self._paused or self._chunks:
            return
        if not self._ended:
            self._connected.resume_reading()
        elif self._tell_end is not None:
            tell, self._heard, self._tell_end = self._tell_end, None, None
            tell(self._why())

    def _why(self) -> UpstreamError | None:
        try:
            self._check()
        except UpstreamError as error:
            return error
        return None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._heard is not None and not self._paused and not self._chunks:
            self._heard(data)
            return
        self._chunks.append(data)
        self._unread += len(data)
        self._readable.set()
        if _MAX_UNREAD <= self._unread:
            self._connected.pause_reading()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._error = self._error or error
        self._full_since = None
        self._gone.set()
        self._end()

    def pause_writing(self) -> None:
        self._full_since = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        self._full_since = None

    def _end(self) -> None:
        self._ended = True
        self._readable.set()
        if self._tell_end is not None:
            self._hand_over()
