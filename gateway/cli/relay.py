"""Offers one console on a loopback TCP port to ordinary VNC viewers, one at a time.

The bytes are RFB's both ways and are passed on as they are; the gateway checks them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Origin, Subprotocol

from gateway.cli.failures import Exit, Failure
from gateway.cli.loopback import is_ours
from gateway.cli.output import note, printable

LOOPBACK: Final = "127.0.0.1"
MAX_FRAME: Final = 32 * 1024 * 1024
LEAVING: Final = 1.5  # seconds: longer than a close may take
CHUNK: Final = 32 * 1024  # the gateway takes messages of at most 64 KiB
PROTOCOL: Final = Subprotocol("eva.rfb")

Ticket = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the relay is over, as a sentence, and what to exit with."""

    sentence: str
    code: Exit


# The gateway's private close codes, and those of RFC 6455 §7.4.1 that can occur.
ENDINGS: Final = {
    1000: Ending("the console session is over", Exit.OK),
    1001: Ending("the gateway is going away; connect again in a moment", Exit.UNREACHABLE),
    1009: Ending("the viewer sent a message that the gateway does not take", Exit.REFUSED),
    1012: Ending("the gateway restarts; connect again in a moment", Exit.UNREACHABLE),
    4401: Ending("the consent has ended; the tenant has to consent again", Exit.REFUSED),
    4403: Ending("the gateway does not allow this connection", Exit.REFUSED),
    4408: Ending("the viewer was too slow to keep up; connect again", Exit.REFUSED),
    4409: Ending("the console was taken over by another client", Exit.REFUSED),
    4410: Ending("access was ended by the tenant or an administrator", Exit.REFUSED),
    4503: Ending("the virtual machine's console cannot be reached", Exit.REFUSED),
}
LOST: Final = Ending("the connection to the gateway was lost", Exit.UNREACHABLE)


def ending_of(code: int | None, reason: str) -> Ending:
    """What a close code and the gateway's own words mean."""
    ending = ENDINGS.get(code or 1006)
    if ending is None:
        return LOST if code in (None, 1006) else Ending(f"closed with code {code}", Exit.REFUSED)
    said = printable(reason).strip()
    return Ending(f"{ending.sentence} ({said})", ending.code) if said else ending


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the console's stream is, and how it is dialled."""

    address: str  # ws:// or wss://
    origin: str  # the gateway's public base: it admits streams of no other origin
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the gateway lets us wait, in seconds."""

    first: float  # for the first viewer, after the step-up
    next: float  # for another one, after a viewer left


class Relay:
    """One loopback port, and one viewer at a time behind it."""

    def __init__(self, stream: Stream, ticket: Ticket, patience: Patience) -> None:
        self._stream = stream
        self._ticket = ticket
        self._patience = patience
        self._busy = False
        self._came = asyncio.Event()
        self._idle = asyncio.Event()  # the opposite of busy, to be waited for
        self._viewers: set[asyncio.StreamWriter] = set()

    async def run(self, port: int, opened: Callable[[int], None]) -> Ending:
        """Serve until the gateway ends it, or nobody comes any more.

        `opened` is told the port: `port`, or a free one where that is 0. Raises: Failure.
        """
        self._over: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        try:
            server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=CHUNK)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "no such port"
            raise Failure(f"cannot listen on {LOOPBACK}:{port}: {why}") from None
        try:
            opened(server.sockets[0].getsockname()[1])
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(self._watch_patience(), name="patience")
                ending = await self._over
                watch.cancel()
            return ending
        finally:
            server.close()
            for viewer in self._viewers:
                viewer.close()

    async def _watch_patience(self) -> None:
        """The gateway forgets a grant that nobody uses; say so instead of waiting for ever."""
        patience = self._patience.first
        words = Ending(
            f"no viewer connected within {patience:g} s of the step-up; run the command again",
            Exit.REFUSED,
        )
        while await self._comes(patience):
            while self._busy:
                await self._idle.wait()
            patience = self._patience.next
            words = Ending("the viewer left and no other one came", Exit.OK)
        self.end(words)

    async def _comes(self, patience: float) -> bool:
        self._came.clear()
        try:
            async with asyncio.timeout(patience):
                await self._came.wait()
        except TimeoutError:
            return False
        return True

    def end(self, ending: Ending) -> None:
        """Be over, for this reason; the first one counts."""
        if not self._over.done():
            self._over.set_result(ending)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One viewer, from its connection to its end."""
        self._viewers.add(writer)
        try:
            with contextlib.suppress(ConnectionError):  # a viewer may leave at any moment
                await self._admit(reader, writer)
        finally:
            self._viewers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not is_ours(writer.get_extra_info("peername"), writer.get_extra_info("sockname")):
            note("turned away a connection of another user of this machine")
            writer.transport.abort()
            return
        if self._over.done() or not await self._is_free():
            await turn_away(reader, writer, "another viewer is connected")
            return
        self._busy = True
        self._idle.clear()
        self._came.set()
        try:
            ending = await self._dial(reader, writer)
        finally:
            self._busy = False
            self._idle.set()
        if ending is not None:
            self.end(ending)

    async def _is_free(self) -> bool:
        """Whether nobody is served, giving somebody who is just leaving a moment to go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVING):
                while self._busy:
                    await self._idle.wait()
        return not self._busy

    async def _dial(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Ending | None:
        """Connect the viewer to the stream; None when it is the viewer who left."""
        try:
            ticket = await self._ticket()
            async with open_stream(self._stream, ticket) as stream:
                return await _relay(stream, reader, writer)
        except Failure as failure:
            ending = Ending(failure.message, failure.code)
        except InvalidStatus as error:
            ending = _turned_down(error.response.status_code)
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            ending = Ending(
                f"cannot open the console's stream ({printable(str(error))})", Exit.UNREACHABLE
            )
        await turn_away(reader, writer, ending.sentence)
        return ending


def open_stream(stream: Stream, ticket: str) -> connect:
    """Dial the viewer's stream. The ticket travels as a subprotocol: never in an address."""
    return connect(
        stream.address,
        origin=Origin(stream.origin),
        subprotocols=[PROTOCOL, Subprotocol(f"ticket.{ticket}")],
        ssl=stream.tls,
        compression=None,
        max_size=MAX_FRAME,
        max_queue=2,  # a viewer that stops reading must stop the gateway, not fill our memory
        proxy=None,
        open_timeout=15,
        close_timeout=1,
        # The gateway itself cuts whoever stops reading; meanwhile its pong may wait behind pixels.
        ping_timeout=60,
    )


async def _relay(
    stream: ClientConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Ending | None:
    """Pass bytes both ways until one side ends; None when it was the viewer."""
    async with asyncio.TaskGroup() as tasks:
        ends = [
            tasks.create_task(_to_gateway(reader, stream), name="to gateway"),
            tasks.create_task(_to_viewer(stream, writer), name="to viewer"),
            # A task of its own: both of the others may be stuck on a viewer that sleeps.
            tasks.create_task(stream.wait_closed(), name="closed"),
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
    if stream.close_code is None:
        return None
    return ending_of(stream.close_code, stream.close_reason or "")


async def _to_gateway(reader: asyncio.StreamReader, stream: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed, ConnectionError):
        while data := await reader.read(CHUNK):
            await stream.send(data)


async def _to_viewer(stream: ClientConnection, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionClosed, ConnectionError):
        async for frame in stream:
            writer.write(frame if isinstance(frame, bytes) else frame.encode())
            await writer.drain()


def _turned_down(status: int) -> Ending:
    if status in (401, 403, 404):
        return Ending("the gateway does not allow this connection: connect again", Exit.REFUSED)
    return Ending(f"the gateway refused the stream (HTTP {status})", Exit.REFUSED)


REASON_LENGTH: Final = struct.Struct(">I")


async def turn_away(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reason: str
) -> None:
    """Tell a viewer in RFB's own words why it is not served, so that it can show them."""
    writer.write(b"RFB 003.008\n")
    try:
        async with asyncio.timeout(2):
            version = await reader.readexactly(12)
    except (TimeoutError, asyncio.IncompleteReadError):
        return
    # RFC 6143 §7.1.2: no security types, then the reason; in 3.3 (§A.1) type 0 as a U32.
    refused = b"\0" * (4 if version < b"RFB 003.007\n" else 1)
    text = reason.encode()
    writer.write(refused + REASON_LENGTH.pack(len(text)) + text)
    await writer.drain()
