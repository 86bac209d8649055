"""One viewer's WebSocket as a byte stream that can be cut however stuck it is.

Seen with aiohttp 3.14.5: after `transport.abort()` alone a stalled viewer still reads megabytes
from the kernel's buffers; with a small SO_SNDBUF and SO_LINGER(1, 0) a few kilobytes. Where a
blocked `send_bytes` is cancelled, the next `close` raises CancelledError: so the close frame is
tried first, while the sender still hangs, and the sender is cancelled after the abort. And `close`
returns without the other end's answer where another task receives, so that a reset could overtake
the close frame: hence the closing handshake here.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Final

from aiohttp import WSMsgType, web

from gateway.consoles.participants import End
from gateway.consoles.pointer import Place
from gateway.consoles.ports import ViewerGone
from gateway.errors import RfbError
from gateway.viewing.closing import CloseCode, close_code, close_reason

MAX_MESSAGE: Final = 64 * 1024
SEND_BUFFER: Final = 128 * 1024  # the kernel's
WRITE_BUFFER: Final = 32 * 1024  # the transport's
HEARTBEAT: Final = 20.0  # seconds between pings
FAREWELL: Final = 0.2  # seconds for a close frame
_CODE: Final = struct.Struct(">H")
_LINGER_0: Final = struct.pack("ii", 1, 0)  # struct linger: on, for 0 s

PROTOCOL: Final = "eva.rfb"
# Of a page that takes text messages out of the stream: {"pointer": [x, y]} or {"pointer": null}.
POINTING: Final = "eva.rfb.pointer"
PROTOCOLS: Final = (POINTING, PROTOCOL, "binary")


class Socket:
    """A `ViewerSocket` over aiohttp."""

    def __init__(self, request: web.Request) -> None:
        self._ws = web.WebSocketResponse(
            protocols=PROTOCOLS,
            heartbeat=HEARTBEAT,
            compress=False,
            max_msg_size=MAX_MESSAGE + 1,  # aiohttp refuses what reaches it
            autoping=False,  # so that pings count against the viewer's allowance
            autoclose=False,  # so that a viewer who left is noticed at once
        )
        self._transport = request.transport
        # Found now: a TLS transport that has closed does not know its socket any more.
        self._raw = self._transport.get_extra_info("socket") if self._transport else None
        self._receiving = False
        self._closing = False  # by us
        self._peer_closed = False
        self._gone = asyncio.Event()  # the other end closed, or answered our close

    async def accept(self, request: web.Request) -> web.WebSocketResponse:
        """Upgrade. Raises: HTTPBadRequest where this is no WebSocket handshake."""
        await self._ws.prepare(request)
        self._set_option(socket.SO_SNDBUF, SEND_BUFFER)
        if self._transport is not None:
            # Over TLS asyncio would keep half a megabyte more for somebody who reads slowly.
            self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        return self._ws

    async def send(self, data: bytes) -> None:
        """Send, waiting while the socket is full. Raises: ViewerGone."""
        try:
            await self._ws.send_bytes(data)
        except OSError:
            raise ViewerGone from None

    async def point(self, place: Place | None) -> None:
        """Say where the pointer in control is, if this viewer asked for it. Raises: ViewerGone."""
        if self._ws.ws_protocol != POINTING:
            return
        try:
            await self._ws.send_str(json.dumps({"pointer": place}))
        except OSError:
            raise ViewerGone from None

    async def receive(self) -> bytes:
        """The next message; b"" for one without content. Raises: ViewerGone, RfbError."""
        self._receiving = True
        try:
            data = await self._receive()
            while self._closing:
                data = await self._receive()  # nobody listens any more, but for the answer
            return data
        except ViewerGone:
            self._gone.set()
            raise
        finally:
            self._receiving = False

    async def cut(self, end: End) -> None:
        """Say why if that works within 200 ms, then break the connection. Never raises."""
        code = CloseCode.NORMAL if self._peer_closed else close_code(end.code)
        await self.close(code, close_reason(end))

    async def close(self, code: CloseCode, reason: bytes) -> None:
        """Say so if that works within 200 ms, then break the connection. Never raises."""
        self._closing = True
        try:
            async with asyncio.timeout(FAREWELL):
                # RFC 6455 §5.5.1: the code, then the reason; the other end answers in kind.
                await self._ws.send_frame(_CODE.pack(code) + reason, WSMsgType.CLOSE)
                if self._receiving:
                    await self._gone.wait()
                elif not self._peer_closed:
                    await self.receive()
        except (TimeoutError, OSError, RfbError, ViewerGone):
            pass  # it answered, or it was stuck or gone
        finally:
            self.abort()

    def abort(self) -> None:
        """Break the connection and forget what the kernel still holds."""
        # Also where it is closing: that may wait long for a full buffer to drain.
        self._set_option(socket.SO_LINGER, _LINGER_0)
        if self._transport is not None:
            self._transport.abort()

    async def _receive(self) -> bytes:
        try:
            message = await self._ws.receive()
            match message.type:
                case WSMsgType.BINARY:
                    return bytes(message.data)
                case WSMsgType.PING:
                    await self._ws.pong(message.data)
                    return b""
                case WSMsgType.PONG:
                    return b""
                case WSMsgType.TEXT:
                    raise RfbError("a text message is not RFB")
                case _:
                    self._peer_closed = message.type is WSMsgType.CLOSE
                    raise ViewerGone
        except OSError:
            raise ViewerGone from None

    def _set_option(self, option: int, value: int | bytes) -> None:
        if self._raw is not None and self._raw.fileno() != -1:
            self._raw.setsockopt(socket.SOL_SOCKET, option, value)
