"""One console of a demo VM: the server's end of an RFB connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, cast

from gateway.backends.demo.machine import DemoMachine
from gateway.errors import RfbError
from gateway.rfb.encodings.raw_encoder import translate
from gateway.rfb.encodings.rect_header import rect_header
from gateway.rfb.messages import (
    EncodingsChanged,
    Initialised,
    Key,
    Message,
    Pointer,
    UpdateRequested,
    acknowledgements,
    desktop_size_rect,
    extended_desktop_size_rect,
    framebuffer_update,
    pointer_shape_rect,
)
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.server import ServerConnection
from gateway.rfb.wire import Encoding, Rect

_MAX_OWED: Final = 64  # operations; beyond it the whole screen is sent once
_ACKNOWLEDGED: Final = frozenset({Encoding.QEMU_EXTENDED_KEY, Encoding.EXTENDED_DESKTOP_SIZE})


class DemoConsole(asyncio.Protocol):
    """Answers one update per request, as QEMU does: what changed since, merged."""

    def __init__(self, machine: DemoMachine) -> None:
        self._machine = machine
        screen = machine.framebuffer
        self._rfb = ServerConnection(screen.width, screen.height, machine.name)
        self._transport: asyncio.Transport | None = None
        self._owed: list[Operation] = []
        self._owes_size = False
        self._owes_cursor = False
        self._requested = False
        self._full = False  # the other end does not take what was written

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._machine.watch(self)
        self._write(self._rfb.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._rfb.receive_data(data)
        except RfbError:
            self._write(self._rfb.data_to_send())
            self.drop()
            return
        self._write(self._rfb.data_to_send())
        for message in messages:
            self._take(message)
        if self._rfb.broken is not None:
            self.drop()
            return
        self._pay()

    def connection_lost(self, _: Exception | None) -> None:
        self._machine.unwatch(self)
        self._transport = None

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._pay()

    # Watcher

    def painted(self, operations: Sequence[Operation]) -> None:
        """Owe these; a copy is owed as such only to a console that is in step."""
        for operation in operations:
            in_step = all(isinstance(owed, Copy) for owed in self._owed)
            if isinstance(operation, Copy) and in_step and self._rfb.supports(Encoding.COPYRECT):
                self._owed.append(operation)
            elif (write := Write(operation.rect)) not in self._owed:
                self._owed.append(write)
        if _MAX_OWED < len(self._owed):
            self._owe_everything()
        self._pay()

    def resized(self) -> None:
        # Until ServerInit has been said, it says the size itself.
        screen = self._machine.framebuffer
        self._rfb.width, self._rfb.height = screen.width, screen.height
        self._owes_size = self._rfb.running
        self._owe_everything()
        self._pay()

    def cursor_changed(self) -> None:
        self._owes_cursor = True
        self._pay()

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # RFB

    def _take(self, message: Message) -> None:
        screen = self._machine.framebuffer
        match message:
            case EncodingsChanged(new=new):
                self._write(acknowledgements(new & _ACKNOWLEDGED, screen.width, screen.height))
                self._owes_cursor = True
            case UpdateRequested(incremental=incremental):
                self._requested = True
                if not incremental:
                    self._owe_everything()
            case Key(down, keysym):
                self._machine.key(keysym, down=down)
            case Pointer(x, y, buttons):
                self._machine.pointer(x, y, buttons)
            case Initialised() | _:
                pass

    def _owe_everything(self) -> None:
        screen = self._machine.framebuffer
        self._owed = [Write(Rect(0, 0, screen.width, screen.height))]

    def _pay(self) -> None:
        """Answer the request that is outstanding, if there is something to say."""
        if not self._requested or self._full or not self._rfb.running:
            return
        rects = [*self._size_rects(), *self._cursor_rects()]
        if not self._owes_size:
            rects += [self._encode(operation) for operation in self._owed]
            self._owed = []
        self._owes_size = False
        if rects:
            self._requested = False
            self._write(framebuffer_update(len(rects), b"".join(rects)))

    def _size_rects(self) -> list[bytes]:
        """The new size goes in an update of its own; the client then asks for all of it."""
        if not self._owes_size:
            return []
        screen = self._machine.framebuffer
        if self._rfb.supports(Encoding.EXTENDED_DESKTOP_SIZE):
            return [extended_desktop_size_rect(screen.width, screen.height)]
        if self._rfb.supports(Encoding.DESKTOP_SIZE):
            return [desktop_size_rect(screen.width, screen.height)]
        # It cannot be told: it has to come again.
        self.drop()
        return []

    def _cursor_rects(self) -> list[bytes]:
        if not self._owes_cursor:
            return []
        self._owes_cursor = False
        shape = pointer_shape_rect(
            self._machine.cursor, self._rfb.encodings, self._rfb.pixel_format
        )
        return [] if shape is None else [shape]

    def _encode(self, operation: Operation) -> bytes:
        rect = operation.rect
        if isinstance(operation, Copy):
            # RFC 6143 §7.7.2: U16 x and y of the source.
            source = operation.source_x.to_bytes(2, "big") + operation.source_y.to_bytes(2, "big")
            return rect_header(rect, Encoding.COPYRECT) + source
        pixels = self._machine.framebuffer.view(rect)
        return rect_header(rect, Encoding.RAW) + translate(pixels, self._rfb.pixel_format)

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None:
            self._transport.write(data)
