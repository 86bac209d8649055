"""One viewer: its RFB conversation, its share of the picture, its end.

A viewer holds the picture and, only if it may type, an input port. INVARIANT: a viewer without an
input port has no reference that leads to the upstream: read-only by construction, not by a check.
INVARIANT: what is kept for a viewer does not grow with how far behind it is: the number of the
frame that it was last sent, and at most `MAX_REPLIES` bytes of answers.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final

from gateway.consoles.arbiter import KeyInput, PointerInput
from gateway.consoles.eager import Begun
from gateway.consoles.feed import Feed
from gateway.consoles.input_port import InputPort
from gateway.consoles.meters import Meters
from gateway.consoles.pacing import Allowance
from gateway.consoles.participants import End, Participant
from gateway.consoles.picture import Picture
from gateway.consoles.pointer import Place, SharedPointer
from gateway.consoles.ports import Clock, StillAllowed, ViewerGone, ViewerSocket
from gateway.errors import RfbError, StoreUnavailable
from gateway.policy.facts import EndCode
from gateway.rfb.messages import (
    ContinuousUpdates,
    CutText,
    EncodingsChanged,
    Fence,
    FormatChanged,
    Initialised,
    Key,
    Message,
    Pointer,
    PowerRequested,
    ResizeRequested,
    UpdateRequested,
)
from gateway.rfb.server import ServerConnection

STALL_SECONDS: Final = 15.0  # for so long a viewer may take nothing
PROBE_SECONDS: Final = 5.0  # between measurements of a quiet link
MAX_VIOLATIONS: Final = 10
MAX_REPLIES: Final = 64 * 1024
CHUNK: Final = 64 * 1024  # bytes per WebSocket message

MESSAGE_RATE: Final = 1000.0  # messages a second of whatever kind
_LIGHT: Final = 1 / 1024  # a byte's share of a message, against floods of large ones


class _OverError(Exception):
    """Ends the viewer's task group."""


def _says_little(message: Message) -> bool:
    """Whether it asks for nothing that might be sent."""
    return isinstance(message, Fence | Key | Pointer)


class Viewer:
    """Serves one socket until it leaves or is cut."""

    def __init__(
        self,
        participant: Participant,
        socket: ViewerSocket,
        picture: Picture,
        pointer: SharedPointer,
        *,
        input_port: InputPort | None,
        still_allowed: StillAllowed,
        clock: Clock,
        meters: Meters,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.participant = participant
        self.end: End | None = None
        self.feed = Feed(picture, takes_clipboard=self._takes_clipboard, meters=meters)
        self._tally = meters.tally
        self._now = loop.time
        self._socket = socket
        self._picture = picture
        self._pointer = pointer
        self._pointed: Place | None = None  # what the viewer believes
        self._input = input_port
        self.still_allowed = still_allowed
        self._clock = clock
        self._connection: ServerConnection | None = None
        self._replies = bytearray()
        self._room = asyncio.Event()
        self._shown = asyncio.Event()  # there is a screen to begin with
        self._busy = False  # with sending, though that may have to wait
        self._serving: Begun | None = None  # what must wait before any more is sent
        self._must_wait = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._sending_since: float | None = None
        self._probed = self._now()
        self._violations = 0
        self._messages = Allowance(MESSAGE_RATE, MESSAGE_RATE, self._now())

    @property
    def may_type(self) -> bool:
        """Whether it could be given control."""
        return self._input is not None

    @property
    def _controls(self) -> bool:
        return self._input is not None and self._input.controls

    def _takes_clipboard(self) -> bool:
        # What the operator copies in the VM is not for those who watch.
        return self._controls

    async def run(self) -> End:
        """Serve until the end, and return it. The socket is closed then."""
        # Who types waits for nobody who only watches.
        self._picture.watch(self._stir, first=self.may_type)
        self._pointer.watch(self._stir)
        try:
            async with asyncio.TaskGroup() as tasks:
                # A task of its own: the sender may be stuck on a full socket.
                tasks.create_task(self._wait_for_end(), name="viewer: end")
                tasks.create_task(self._receive(), name="viewer: receive")
                tasks.create_task(self._send(), name="viewer: send")
        except* _OverError:
            pass
        finally:
            self._picture.unwatch(self._stir)
            self._pointer.unwatch(self._stir)
            self._forget()
            if self._input is not None:
                self._input.close()
        assert self.end is not None
        return self.end

    def cut(self, end: End) -> None:
        """End it, now; the first reason counts."""
        if self.end is None:
            self.end = end
            self._ended.set()

    def keep_moving(self) -> None:
        """Cut a viewer that takes nothing; measure a link on which nothing moves."""
        now = self._now()
        if STALL_SECONDS < max(now - (self._sending_since or now), self.feed.overdue(now)):
            self._stop(EndCode.TOO_SLOW, "the viewer took nothing for 15 s")
        if PROBE_SECONDS <= now - self._probed:
            self._probed = now
            self.feed.probe()
            self._stir()

    def refuse(self, code: EndCode) -> None:
        """The store says why it may no longer be here."""
        self.cut(End(code, "gateway", "the right to watch has ended", self._clock()))

    def _stop(self, code: EndCode, reason: str) -> None:
        self.cut(End(code, "gateway", reason, self._clock()))

    async def _wait_for_end(self) -> None:
        await self._ended.wait()
        assert self.end is not None
        await self._socket.cut(self.end)
        raise _OverError

    # Rights

    async def _admit(self) -> None:
        """Registered by now: a revocation either found this viewer, or is found here."""
        try:
            if (code := await self.still_allowed()) is not None:
                self.refuse(code)
        except StoreUnavailable:
            self._stop(EndCode.RESTARTING, "the store cannot be reached")
        if self.end is not None:
            raise ViewerGone

    # Out

    async def _send(self) -> None:
        """Send what has to wait: a full socket, a thread's work. `_stir` sends all else."""
        try:
            await self._admit()
            await self._begin()
            while True:
                await self._must_wait.wait()
                self._must_wait.clear()
                assert self._serving is not None
                await self._serving
                self._busy = False
                self._stir()
        except ViewerGone:
            self._stop(EndCode.LEFT, "the viewer left")
        except RfbError as error:
            self._stop(EndCode.MISBEHAVED, str(error))

    async def _begin(self) -> None:
        """Begin once there is a first frame, so that the size is right from the start."""
        while self._picture.screen is None:
            self._shown.clear()
            await self._shown.wait()
        self._connection = ServerConnection(*self.feed.greeted(), self._picture.name)
        self._stir()

    def _stir(self) -> None:
        """Something happened, or the link should have room by now: send at once what can be."""
        if self._connection is None:
            self._shown.set()
        elif not self._busy and self.end is None:
            self._busy = True
            self._serving = Begun(self._serve())
            if self._serving.done:
                self._busy = False
            else:
                self._must_wait.set()

    async def _serve(self) -> None:
        while self.end is None and (data := await self._next()):
            await self._write(data)
            await self._point()
        await self._point()
        self._look_again()

    def _look_again(self) -> None:
        """When the link should have room for what is owed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.feed.room_at < inf:
            self._timer = asyncio.get_running_loop().call_at(self.feed.room_at, self._stir)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._serving is not None:
            self._serving.close()

    async def _next(self) -> bytes:
        """What to send now: answers first, then the newest picture."""
        assert self._connection is not None
        self._replies += self._connection.data_to_send()
        if self._replies:
            data = bytes(self._replies)
            self._replies.clear()
            self._room.set()
            return data
        if not self._connection.running:
            return b""
        return await self.feed.next(self._now)

    async def _write(self, data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            if self.end is not None:
                raise ViewerGone
            self._sending_since = self._now()
            await self._socket.send(data[at : at + CHUNK] if CHUNK < len(data) else data)
            self._sending_since = None
        self._tally.sent += len(data)

    async def _point(self) -> None:
        """Show where the pointer in control is now, but not to whoever moves it."""
        place = None if self._controls else self._pointer.within(*self._picture.size)
        running = self._connection is not None and self._connection.running
        if place == self._pointed or not running or self.end is not None:
            return
        self._pointed = place
        self._sending_since = self._now()
        await self._socket.point(place)
        self._sending_since = None

    # In

    async def _receive(self) -> None:
        try:
            while True:
                data = await self._socket.receive()
                wait = self._messages.spend(1 + len(data) * _LIGHT, self._now())
                if self._connection is None:
                    if data:
                        raise RfbError("the viewer spoke before it was greeted")
                else:
                    await self._hear(self._connection.receive_data(data))
                    if self._connection.broken is not None:
                        raise self._connection.broken
                if wait:
                    await asyncio.sleep(wait)
        except ViewerGone:
            self._stop(EndCode.LEFT, "the viewer left")
        except RfbError as error:
            self._stop(EndCode.MISBEHAVED, str(error))

    async def _hear(self, messages: list[Message]) -> None:
        for message in messages:
            if wait := self._heard(message):
                # Back-pressure: keys are delayed, never dropped.
                await asyncio.sleep(wait)
        if self._replies or self.feed.stirred or not all(map(_says_little, messages)):
            self._stir()
        while MAX_REPLIES < len(self._replies):
            self._room.clear()
            await self._room.wait()

    def _heard(self, message: Message) -> float:
        """Act on a message, input at once; returns for how long to hear no more."""
        match message:
            case Key() | Pointer() | CutText() | PowerRequested():
                return self._typed(message)
            case UpdateRequested(incremental):
                self.feed.requested(incremental=incremental)
            case ContinuousUpdates(enable):
                self._replies += self.feed.continue_updates(enable=enable)
            case FormatChanged(pixel_format):
                self.feed.format_changed(pixel_format)
            case EncodingsChanged():
                self._replies += self.feed.encodings_changed(message)
            case Fence(flags, payload):
                self._replies += self.feed.fence(flags, payload, self._now())
            case Initialised() | ResizeRequested():
                pass
        return 0.0

    def _typed(self, message: Key | Pointer | CutText | PowerRequested) -> float:
        if self._input is None:
            self._violated()
            return 0.0
        match message:
            case Key(down, keysym, scancode):
                return self._input.key(KeyInput(down, keysym, scancode))
            case Pointer(x, y, buttons):
                return self._input.pointer(PointerInput(x, y, buttons))
            case CutText(text):
                return self._input.cut_text(text)
            case PowerRequested():
                return 0.0  # never offered

    def _violated(self) -> None:
        self._violations += 1
        if MAX_VIOLATIONS < self._violations:
            self._stop(EndCode.MISBEHAVED, "this viewer may only watch")
