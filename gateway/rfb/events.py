"""What a ClientConnection tells its owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gateway.rfb.operations import Operation
from gateway.rfb.wire import Cursor


@dataclass(frozen=True, slots=True)
class StartTls:
    """Write what is to be sent, upgrade the transport to TLS, then call `tls_started()`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The handshake is over and the framebuffer exists, all black so far."""

    width: int
    height: int
    name: str


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """One update was painted, whole; its pixels are in the framebuffer already."""

    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Resized:
    """The framebuffer has a new size already; the frames that follow are in it."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CursorChanged:
    """The pointer has another shape; None where it has none."""

    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class CutText:
    """The guest's clipboard."""

    text: str


@dataclass(frozen=True, slots=True)
class Bell:
    """The guest rang its bell."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """The desktop has another name."""

    name: str


@dataclass(frozen=True, slots=True)
class LedState:
    """The keyboard's lights: bit 0 scroll lock, 1 num lock, 2 caps lock (rfbproto, QEMU LED)."""

    state: int


Event: TypeAlias = (
    StartTls | Ready | FrameReceived | Resized | CursorChanged | CutText | Bell | Renamed | LedState
)
