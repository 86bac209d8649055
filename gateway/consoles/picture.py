"""What every viewer of one console session is shown. Nothing here leads to the upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.consoles.meters import Meters
from gateway.rfb.events import (
    Bell,
    CursorChanged,
    CutText,
    Event,
    FrameReceived,
    LedState,
    Ready,
    Renamed,
    Resized,
    StartTls,
)
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.screen import Owed, Profile, Screen, Update
from gateway.rfb.wire import Cursor

# Encoding more pixels than this takes milliseconds: a thread does it, and keys do not wait.
BIG_AREA: Final = 128 * 1024
# Viewers wait for so many seconds while an update is painted; then they are shown half of it.
PATIENCE: Final = 0.15


class Picture:
    """The screen, the pointer's shape, the keyboard's lights, the bell and the VM's clipboard.

    It outlives upstreams: while there is none, it is the last one's.
    """

    def __init__(self, meters: Meters | None = None) -> None:
        self._meters = meters or Meters()
        self.screen: Screen | None = None
        self.name = ""
        self.led: int | None = None
        self.bells = 0
        self.clipboard = ""
        self.clipboards = 0  # how many there were
        self._incoming: Framebuffer | None = None
        self._says_scrolls: Callable[[], bool] = bool
        self._torn_since: float | None = None  # since when somebody has waited for a frame's end
        self._encoding = asyncio.Lock()
        self._refinable = asyncio.Event()  # the screen may know of something to refine by now
        self._watchers: dict[Callable[[], None], None] = {}  # as an ordered set

    @property
    def size(self) -> tuple[int, int]:
        """Width and height; zero before the first frame."""
        return (self.screen.width, self.screen.height) if self.screen else (0, 0)

    def watch(self, changed: Callable[[], None], *, first: bool = False) -> None:
        """Call `changed` whenever there is something new to show; `first`, before the others."""
        watchers = {} if first else self._watchers
        watchers[changed] = None
        self._watchers = watchers | self._watchers

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._watchers.pop(changed, None)

    def follow(
        self,
        framebuffer: Framebuffer,
        name: str,
        cursor: Cursor | None,
        *,
        says_scrolls: Callable[[], bool] = bool,
    ) -> None:
        """Another upstream paints from now on; the old picture stays until its first frame.

        `says_scrolls`: whether it says where its screen only moved.
        """
        self._incoming, self.name, self.led = framebuffer, name, None
        self._says_scrolls = says_scrolls
        if self.screen is not None:
            self.screen.cursor_changed(cursor)

    def lost(self, now: float) -> None:
        """Nobody paints any more: what is there is shown, however much of a frame that is."""
        if self.screen is not None:
            self.screen.interrupted(now)
            self._tell()

    def happened(self, events: Sequence[Event], now: float) -> bool:
        """Take over what the upstream did; whether a frame was among it."""
        frames = 0
        for event in events:
            match event:
                case FrameReceived():
                    self._painted(event, now)
                    frames += 1
                    self._refinable.set()
                case _:
                    self._noted(event, now)
        if events:
            self._tell()
        return 0 < frames

    async def keep_refined(self, clock: Callable[[], float]) -> None:
        """`refine` whenever there is something to do, until cancelled."""
        while True:
            await self._refinable.wait()
            self._refinable.clear()
            while (screen := self.screen) and (due := screen.next_refinement()):
                # No oftener than this: on a moving screen there is always something due.
                await asyncio.sleep(max(0.1, due - clock()))
                self.refine(clock())

    def refine(self, now: float) -> None:
        """Owe without loss what has been still for a while."""
        if self.screen is not None and self.screen.refine(now) is not None:
            self._tell()

    async def update_for(
        self, sent: int, profile: Profile, *, known_size: tuple[int, int] | None
    ) -> Update | None:
        """What a viewer is owed; see `Screen.owed`. Nothing while a frame is being painted."""
        screen = self.screen
        assert screen is not None, "viewers begin when there is a screen"
        if self._must_wait(screen):
            return None
        owed = screen.owed(sent, profile, known_size=known_size)
        if owed is None:
            return None
        update = await self._encoded(owed)
        # Where it is lossy is known only now, and no frame may follow that would tell.
        self._refinable.set()
        return update

    async def refinement_for(self, exact: int, profile: Profile, most: int) -> Update | None:
        """What a viewer in step is owed without loss; see `Screen.owed_exactly`."""
        screen = self.screen
        assert screen is not None, "viewers begin when there is a screen"
        if not screen.whole:
            return None
        owed = screen.owed_exactly(exact, profile, most)
        return None if owed is None else await self._encoded(owed)

    async def _encoded(self, owed: Owed) -> Update:
        if owed.work <= BIG_AREA:
            return self._meters.timed(owed.encoded)
        # One at a time: what one viewer has had encoded, the next finds ready.
        async with self._encoding:
            if not owed.work:
                return owed.encoded()
            return await asyncio.to_thread(self._meters.timed, owed.encoded)

    def _must_wait(self, screen: Screen) -> bool:
        """Whether the frame's end is worth waiting for; whoever waits is told of it."""
        if screen.whole:
            self._torn_since = None
            return False
        loop = asyncio.get_running_loop()
        if self._torn_since is None:
            self._torn_since = loop.time()
            loop.call_later(PATIENCE, self._tell)
        return loop.time() < self._torn_since + PATIENCE

    def _painted(self, frame: FrameReceived, now: float) -> None:
        if self.screen is None:
            assert self._incoming is not None, "frames come from an upstream that we follow"
            self.screen, self._incoming = Screen(self._incoming, self._meters.tally), None
        elif self._incoming is not None:
            self.screen.framebuffer, self._incoming = self._incoming, None
            self.screen.resized(now)
        else:
            find_scrolls = not self._says_scrolls()
            self.screen.painted(frame.operations, now, find_scrolls=find_scrolls)

    def _noted(self, event: Event, now: float) -> None:
        match event:
            case Resized():
                if self.screen is not None and self._incoming is None:
                    self.screen.resized(now)
            case CursorChanged(cursor):
                if self.screen is not None:
                    self.screen.cursor_changed(cursor)
            case LedState(state):
                self.led = state
            case Bell():
                self.bells += 1
            case CutText(text):
                self.clipboard, self.clipboards = text, self.clipboards + 1
            case Renamed(name):
                self.name = name
            case Ready() | StartTls() | FrameReceived():
                pass

    def _tell(self) -> None:
        for changed in tuple(self._watchers):
            changed()
