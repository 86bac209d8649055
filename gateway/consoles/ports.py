"""What console sessions need from others: an upstream to pump, a socket per viewer, a clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from gateway.consoles.participants import End
from gateway.consoles.pointer import Place
from gateway.policy.facts import EndCode, Vm
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event

Clock = Callable[[], datetime]

# Re-reads the store: None while the right stands, else why it does not. Raises: StoreUnavailable.
StillAllowed = Callable[[], Awaitable[EndCode | None]]


class Review(Protocol):
    """Answers the questions of many at once."""

    async def why_not(
        self, asked: Sequence[StillAllowed], *, afresh: bool
    ) -> Sequence[EndCode | None]:
        """What each of them says, in their order. Raises: StoreUnavailable.

        Unless it is to read `afresh`, it may go by what it read, where nothing was committed since.
        """

    async def note_seen(self) -> None:
        """Note that those who may stay are here. Raises: StoreUnavailable."""


# Told each of the backend's steps, by its value (see `states.STEPS`).
Progress = Callable[[str], None]


class Machine(Protocol):
    """An inventory's machine. Sessions only name it and hand it on to the dial."""

    @property
    def vm(self) -> Vm: ...


Heard = Callable[[bytes], None]
# Told once: None where the other end closed, else what broke the connection.
Ended = Callable[[Exception | None], None]


class Upstream(Protocol):
    """An authenticated RFB stream towards the hypervisor."""

    @property
    def connection(self) -> ClientConnection: ...
    @property
    def early(self) -> Sequence[Event]:
        """What happened during the handshake, after Ready."""

    def listen(self, heard: Heard, ended: Ended) -> None:
        """Hand over what has come and what comes, in the callback that brings it."""

    def pause(self) -> None:
        """Hand over nothing, and hold the other end back."""

    def resume(self) -> None:
        """Hand over what came meanwhile, and go on."""

    def write(self, data: bytes) -> None:
        """Send, without waiting."""

    @property
    def full_since(self) -> float | None:
        """Since when, by the loop's clock, what was written waits to be taken; None if not."""

    async def close(self) -> None:
        """Close quickly; never hangs."""


class Dial(Protocol):
    """Reaches a machine's console. Raises: UpstreamError, RfbError."""

    def __call__(self, machine: Any, progress: Progress, /) -> Awaitable[Upstream]: ...


class ViewerGone(Exception):
    """The viewer's socket closed or broke."""


class ViewerSocket(Protocol):
    """One viewer's byte stream, as the edge carries it."""

    async def send(self, data: bytes) -> None:
        """Send, waiting while the socket is full. Raises: ViewerGone."""

    async def point(self, place: Place | None) -> None:
        """Say, beside the stream, where the pointer in control is; None takes it away.

        Nothing is said to a viewer that did not ask for it. Raises: ViewerGone.
        """

    async def receive(self) -> bytes:
        """The next message; b"" for one without content. Raises: ViewerGone, RfbError."""

    async def cut(self, end: End) -> None:
        """Say why if that works within 200 ms, then break the connection. Never raises."""
