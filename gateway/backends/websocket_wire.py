"""A byte stream inside a WebSocket (RFC 6455), as its client.

The protocol itself is the `websockets` library's, without its tasks: bytes in, frames out, in the
callback that brings them. RFB knows no messages, so the frames' contents are handed on as they
come, wherever one ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidMessage,
    InvalidStatus,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
)
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CONNECTING, OPEN, Event
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from gateway.backends.wire import Ended, Heard, Wire
from gateway.errors import RfbError, UpstreamError, UpstreamRefused, UpstreamUnreachable

# Frames are handed on whole: this much may lie here. Messages have no end that matters to us.
MAX_FRAME: Final = 4 * 1024 * 1024
# Proxmox takes no fragments and no frame above 128 KiB (pve-http-server, APIServer/AnyEvent.pm).
# XAPI's takes no frame whose length has 64 bits (xen-api, wsproxy/src/websockets.ml).
_MAX_SENT: Final = 64 * 1024 - 1
# A frame costs microseconds whatever is in it: the loop is given back after so many.
_PIECE: Final = 4096
_FRAMES_AT_ONCE: Final = 1024
_ORDINARY_ENDS: Final = frozenset(
    {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD}
)
# websockets logs request lines and headers, in which tickets and tokens stand. Nobody hears it.
_SILENT: Final = logging.Logger("websockets", logging.CRITICAL + 1)


class UpgradeRefused(UpstreamRefused):
    """The other end answered the request for a WebSocket with something else."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(_words(status))
        self.status = status
        self.body = body  # hostile, and of at most 1 MiB


async def open_websocket(
    wire: Wire,
    host: str,
    port: int,
    target: str,
    *,
    headers: Mapping[str, str],
    subprotocol: str | None = None,
) -> WebSocketWire:
    """Ask for a WebSocket at `target`, a path with its query, and wait until it is there.

    Whoever calls closes the wire where that fails.
    Raises: UpgradeRefused; UpstreamError, RfbError.
    """
    _check_plain(target, *headers.values())
    path, _, query = target.partition("?")
    offered = None if subprotocol is None else [Subprotocol(subprotocol)]
    # No extension is offered, compression among them: it costs more than it saves here.
    protocol = ClientProtocol(
        WebSocketURI(True, host, port, path, query),
        subprotocols=offered,
        max_size=(None, MAX_FRAME),
        logger=_SILENT,
    )
    request = protocol.connect()
    for name, value in headers.items():
        request.headers[name] = value
    protocol.send_request(request)
    wire.write(b"".join(protocol.data_to_send()))
    coming = bytearray()
    while protocol.state is CONNECTING:
        if coming:
            protocol.receive_data(bytes(coming[:_PIECE]))
            del coming[:_PIECE]
        elif data := await wire.read():
            coming += data
        else:
            protocol.receive_eof()
        if protocol.handshake_exc is not None:
            raise _failure(protocol.handshake_exc)
    return WebSocketWire(wire, protocol, coming)


class WebSocketWire:
    """A `Stream` over a wire whose WebSocket handshake is done."""

    def __init__(self, wire: Wire, protocol: ClientProtocol, coming: bytearray) -> None:
        """`coming`: what was read behind the handshake and not fed to the protocol."""
        self.near = wire.near
        self._wire = wire
        self._protocol = protocol
        self._coming = coming  # what came and was not looked at yet
        self._contents: list[bytes | bytearray] = []  # of frames, not handed over yet
        self._heard: Heard | None = None
        self._tell_end: Ended | None = None
        self._paused = False  # by the listener
        self._later: asyncio.Handle | None = None
        self._over = False  # no content will come any more
        self._error: UpstreamError | RfbError | None = None
        self._take(protocol.events_received()[1:])  # behind the handshake's response

    @property
    def full_since(self) -> float | None:
        """Since when, by the loop's clock, what was written waits to be taken; None if not."""
        return self._wire.full_since

    async def read(self) -> bytes:
        """All bytes that have come, or the next to come; b"" when the other end closed.

        Raises: UpstreamError where the connection broke, RfbError where the other end did.
        """
        while not self._contents and not self._over:
            if self._coming:
                self._decode()
                await asyncio.sleep(0)
            elif data := await self._wire.read():
                self._coming += data
            else:
                self._over = True
        if not self._contents and self._error is not None:
            raise self._error
        return self._taken()

    def listen(self, heard: Heard, ended: Ended) -> None:
        """Hand over what has come, and whatever comes, at once; nobody reads any more."""
        self._heard, self._tell_end = heard, ended
        self._advance()
        self._wire.listen(self._hear, self._finish)

    def pause(self) -> None:
        """Hand over nothing, and hold the other end back."""
        self._paused = True
        self._wire.pause()

    def resume(self) -> None:
        """Hand over what came meanwhile, and go on."""
        self._paused = False
        if self._later is None:
            self._go_on()

    def write(self, data: bytes) -> None:
        """Send without waiting; nothing where the other end has closed."""
        if self._protocol.state is not OPEN:
            return
        for at in range(0, len(data), _MAX_SENT):
            self._protocol.send_binary(data[at : at + _MAX_SENT])
        self._flush()

    async def close(self) -> None:
        """Close, politely for 200 ms and then at once; never raises, never hangs."""
        self._stop_later()
        if self._protocol.state is OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        await self._wire.close()

    def abort(self) -> None:
        """Close at once."""
        self._stop_later()
        self._wire.abort()

    def _hear(self, data: bytes) -> None:
        if not self._over:
            self._coming += data
            if self._later is None:
                self._advance()

    def _go_on(self) -> None:
        self._later = None
        self._advance()
        if self._later is None and not self._paused:
            self._wire.resume()

    def _advance(self) -> None:
        """Decode a share of what came and hand it over; the rest when others have run."""
        if self._paused:
            return
        self._decode()
        self._hand_over()
        if self._coming and not self._paused:
            self._wire.pause()
            self._later = asyncio.get_running_loop().call_soon(self._go_on)

    def _hand_over(self) -> None:
        if self._contents and self._heard is not None and not self._paused:
            self._heard(self._taken())
        if self._over and not self._paused and self._tell_end is not None:
            tell, self._heard, self._tell_end = self._tell_end, None, None
            tell(self._error)

    def _taken(self) -> bytes:
        data = b"".join(self._contents)
        self._contents.clear()
        return data

    def _decode(self) -> None:
        frames = 0
        while self._coming and not self._over and frames < _FRAMES_AT_ONCE:
            self._protocol.receive_data(bytes(self._coming[:_PIECE]))
            del self._coming[:_PIECE]
            events = self._protocol.events_received()
            frames += len(events)
            self._take(events)
            self._flush()  # pongs, and the answer to a close
        if self._over:
            self._coming.clear()

    def _take(self, events: list[Event]) -> None:
        for event in events:
            assert isinstance(event, Frame), "the handshake is done"
            if event.opcode is Opcode.TEXT:
                self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "binary frames only")
                self._end(RfbError("the console speaks text where only binary frames are spoken"))
            elif event.opcode is Opcode.CLOSE:
                self._end(self._farewell())
            elif event.opcode in {Opcode.BINARY, Opcode.CONT} and not self._over and event.data:
                self._contents.append(bytes(event.data))
        if self._protocol.parser_exc is not None:
            self._end(_broken(self._protocol.parser_exc))

    def _farewell(self) -> UpstreamError | None:
        """What a close frame means; its reason may hold anything and goes nowhere."""
        received = self._protocol.close_rcvd
        if received is None or received.code in _ORDINARY_ENDS:
            return None
        return UpstreamError(f"the console closed its WebSocket with code {received.code}")

    def _end(self, error: UpstreamError | RfbError | None) -> None:
        if not self._over:
            self._over, self._error = True, error

    def _finish(self, error: Exception | None) -> None:
        """The wire underneath has ended."""
        self._end(error if isinstance(error, UpstreamError) else None)
        self._hand_over()

    def _flush(self) -> None:
        self._wire.write(b"".join(self._protocol.data_to_send()))

    def _stop_later(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None


def _check_plain(*texts: str) -> None:
    """Raises: RfbError where a text would end its line in the request's head."""
    if not all(text.isascii() and text.isprintable() for text in texts):
        raise RfbError("what the hypervisor handed out cannot be said in a request")


def _failure(error: Exception | None) -> Exception:
    match error:
        case InvalidStatus():
            return UpgradeRefused(error.response.status_code, bytes(error.response.body or b""))
        case NegotiationError():
            return UpstreamRefused("the console chose a subprotocol or extension nobody offered")
        case InvalidMessage() if isinstance(error.__cause__, EOFError):
            return UpstreamUnreachable("the console closed the connection during the handshake")
    return UpstreamRefused("the console does not speak WebSocket")


def _words(status: int) -> str:
    if 300 <= status < 400:
        return "the console redirects elsewhere, which is never followed"
    if status in {401, 403}:
        return f"the console refused the credentials ({status})"
    if status == 404:
        return "there is no console at that address (404)"
    return f"the console refused the WebSocket ({status})"


def _broken(error: Exception) -> RfbError | UpstreamError | None:
    match error:
        case EOFError():
            return None  # the wire tells its own end
        case PayloadTooBig():
            return RfbError(f"the console sent a frame of more than {MAX_FRAME} bytes")
        case ProtocolError():
            return RfbError("the console broke the WebSocket protocol")
    return UpstreamError("the console sent what is no WebSocket frame")
