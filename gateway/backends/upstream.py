"""An upstream: an RFB stream whose handshake is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.backends.targets import Progress, Step
from gateway.backends.wire import Ended, Heard, Stream
from gateway.errors import UpstreamRefused, UpstreamTaken, UpstreamUnreachable
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, StartTls

Secure = Callable[[], Awaitable[None]]


class Upstream:
    """An authenticated RFB stream.

    The owner feeds what it hears to `connection.receive_data`, and writes what
    `connection.data_to_send` returns. While `connection.pending` it pauses and feeds b"".
    """

    def __init__(self, connection: ClientConnection, wire: Stream, early: list[Event]) -> None:
        self.connection = connection
        self.early = early  # what came right behind the handshake; it may hold a first frame
        self._wire = wire

    def listen(self, heard: Heard, ended: Ended) -> None:
        """Hand over what has come and what comes, in the callback that brings it."""
        self._wire.listen(heard, ended)

    def pause(self) -> None:
        """Hand over nothing, and hold the other end back."""
        self._wire.pause()

    def resume(self) -> None:
        """Hand over what came meanwhile, and go on."""
        self._wire.resume()

    def write(self, data: bytes) -> None:
        """Send, without waiting."""
        self._wire.write(data)

    @property
    def full_since(self) -> float | None:
        """Since when, by the loop's clock, what was written waits to be taken; None if not."""
        return self._wire.full_since

    async def close(self) -> None:
        """Close within 200 ms, whatever the other end does."""
        await self._wire.close()


async def shake_hands(
    wire: Stream,
    progress: Progress,
    *,
    password: str | None = None,
    desktop_name: str | None = None,
    secure: Secure | None = None,
    connection: ClientConnection | None = None,
) -> Upstream:
    """Do the handshake on a fresh wire.

    `connection` stands in place of the one that the rest of this would make.

    `secure`, where it is given, must upgrade the wire to TLS and judge the certificate (VeNCrypt)
    before anything secret is sent. `desktop_name` is what the console must call itself.
    Raises: UpstreamError, RfbError; the wire is closed then.
    """
    try:
        near, tls = wire.near, secure is not None
        speaker = connection or ClientConnection(password=password, want_tls=tls, near=near)
        upstream = await _shake_hands(wire, progress, speaker, secure)
        _check_name(upstream.connection.name, desktop_name)
        return upstream
    except UpstreamRefused as error:
        wire.abort()
        if "in use" in str(error):  # TigerVNC: "Server is already in use"
            raise UpstreamTaken(str(error)) from error
        raise
    except BaseException:
        wire.abort()
        raise


async def _shake_hands(
    wire: Stream, progress: Progress, connection: ClientConnection, secure: Secure | None
) -> Upstream:
    events: list[Event] = []
    answered = False
    while not connection.ready:
        data = await wire.read()
        if not data:
            raise UpstreamUnreachable("the console closed the connection during the handshake")
        if not answered:
            answered = True
            progress(Step.ANSWERED)
        events = connection.receive_data(data)
        wire.write(connection.data_to_send())
        if any(isinstance(event, StartTls) for event in events):
            assert secure is not None, "TLS begins only where it is wanted"
            await secure()
            connection.tls_started()
            wire.write(connection.data_to_send())
    progress(Step.AUTHENTICATED)
    return Upstream(connection, wire, events[1:])  # the first one is Ready


def _check_name(found: str, expected: str | None) -> None:
    """A console's port may have been handed to another VM since the inventory was written."""
    if expected is not None and found != expected:
        raise UpstreamRefused(f"the console calls itself {found!r} rather than {expected!r}")
