"""What one viewer has been sent, wants and is owed. It merges, it never queues.

INVARIANT: how far behind a viewer is costs two integers, the newest frame that it was sent and the
newest tile that it was sent without loss.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import inf
from typing import Final

from gateway.consoles.meters import Meters
from gateway.consoles.pacing import FIRST_WINDOW, QUEUE_SECONDS, Pace
from gateway.consoles.picture import Picture
from gateway.consoles.quality import LinkQuality, pinned
from gateway.rfb.messages import (
    EncodingsChanged,
    acknowledgements,
    bell,
    end_of_continuous_updates,
    fence,
    framebuffer_update,
    led_state_rect,
    pointer_shape_rect,
    server_cut_text,
)
from gateway.rfb.screen import Profile, Screen, Update
from gateway.rfb.wire import MAX_PIXELS, RGBX, Encoding, FenceFlags, PixelFormat

_NUMBER: Final = struct.Struct(">I")  # the payload of our fences
# The echo says that the viewer has dealt with everything before it.
_OURS: Final = FenceFlags.REQUEST | FenceFlags.BLOCK_BEFORE
_PIXEL_BYTES: Final = 3  # of what was a photo, at most, when it goes without loss
_REQUEST: Final = int(FenceFlags.REQUEST)  # flags of an enum are slow to combine
_ANSWERED: Final = FenceFlags.BLOCK_BEFORE | FenceFlags.BLOCK_AFTER | FenceFlags.SYNC_NEXT


class Feed:
    """One viewer's side of the picture; its methods return the bytes to send."""

    def __init__(
        self,
        picture: Picture,
        *,
        takes_clipboard: Callable[[], bool],
        meters: Meters | None = None,
    ) -> None:
        """`takes_clipboard`: whether the VM's clipboard is for this viewer, now."""
        self._picture = picture
        self._takes_clipboard = takes_clipboard
        self._meters = meters or Meters()
        self._pace = Pace()
        self._encodings: frozenset[int] = frozenset()
        self._pixel_format = RGBX
        self._profile = Profile()  # as the viewer would have it
        self._link = LinkQuality()
        self._levels: dict[int, Profile] = {}  # the same, at each JPEG level that it was painted
        self._sent = 0
        self._exact = 0
        self._size = picture.size  # what the viewer believes
        self._requested = False
        self._continuous = False
        self._fences = False  # the viewer has proven that it echoes them
        self._probe_due = False
        # When to ask for what is next, though nothing happens until then. Infinite where there is
        # nothing to wait for but what the viewer says or is shown.
        self.room_at = inf
        self._cursor_version = -1
        self._led: int | None = None
        self._bells = picture.bells
        self._clipboards = picture.clipboards
        self._frames, self._frames_since, self._fps = 0, 0.0, 0.0

    def greeted(self) -> tuple[int, int]:
        """The viewer is about to be told the size."""
        self._size = self._picture.size
        return self._size

    @property
    def rtt(self) -> float | None:
        """The newest round trip in seconds; None until one was measured."""
        return self._pace.rtt

    @property
    def behind(self) -> bool:
        """Whether there is a frame, or a tile without loss, that it has not been sent."""
        screen = self._picture.screen
        return screen is not None and (self._sent < screen.frame or self._is_coarse(screen))

    def _is_coarse(self, screen: Screen) -> bool:
        return self._exact < screen.refinement and self._profile.jpeg_quality is not None

    @property
    def stirred(self) -> bool:
        """Whether there may be something to send it."""
        return self._probe_due or self.behind

    def fps(self, now: float) -> float:
        """Updates per second, over a second or more."""
        elapsed = now - self._frames_since
        if 1.0 <= elapsed:
            self._fps = self._frames / elapsed
            self._frames, self._frames_since = 0, now
        return self._fps

    def overdue(self, now: float) -> float:
        """For how many seconds the viewer has owed us an answer."""
        return self._pace.overdue(now)

    # What the viewer says

    def requested(self, *, incremental: bool) -> None:
        """It asks for what changed, or for everything (RFC 6143 §7.5.3)."""
        self._requested = True
        if not incremental:
            self._begin_anew()

    def continue_updates(self, *, enable: bool) -> bytes:
        """It wants to be sent updates unasked, or no longer (rfbproto)."""
        was, self._continuous = self._continuous, enable
        return end_of_continuous_updates() if was and not enable else b""

    def format_changed(self, pixel_format: PixelFormat) -> None:
        """It reads other pixels (RFC 6143 §7.5.1); this never reaches the upstream."""
        self._pixel_format = pixel_format
        self._choose()

    def encodings_changed(self, message: EncodingsChanged) -> bytes:
        """It reads other encodings; what it never offered before is acknowledged."""
        self._encodings = frozenset(message.encodings)
        self._choose()
        return acknowledgements(message.new, *self._size)

    def fence(self, flags: FenceFlags, payload: bytes, now: float) -> bytes:
        """It echoes a fence of ours, or wants one echoed (rfbproto)."""
        if int(flags) & _REQUEST:
            return fence(flags & _ANSWERED, payload)
        if not self._fences:
            # What went before went without a fence: only the echo of one tells when it arrived.
            self._fences = self._probe_due = True
        if len(payload) == _NUMBER.size:
            known = self._pace.echoed(_NUMBER.unpack(payload)[0], now)
            if known and self._pace.rtt is not None:
                self._meters.round_trip.observe(self._pace.rtt)
        return b""

    def probe(self) -> None:
        """Measure the round trip, unless that is going on."""
        self._probe_due = self._fences and not self._pace.waiting

    # What the viewer is sent

    async def next(self, clock: Callable[[], float]) -> bytes:
        """What it wants, is owed and has room for; nothing where there is no such thing."""
        self.room_at = inf
        if self._probe_due:
            self._probe_due = False
            return self._fence(0, clock())
        if not self._wants:
            return b""
        return self._asides() or await self._update(clock)

    @property
    def _wants(self) -> bool:
        return self._requested or self._continuous

    async def _update(self, clock: Callable[[], float]) -> bytes:
        size = self._picture.size
        if self._size == size and not self.behind:
            return b""
        now = clock()
        if self._fences and (pause := self._pace.pause(now)):
            self.room_at = now + pause
            return b""
        if self._fences and self.behind and self._pace.wants_probe(now):
            return self._fence(0, now)
        sent, exact, offered = self._sent, self._exact, self._profile
        update = await self._owed(self._painted(now))
        if update is None or (self._sent, self._exact, self._profile) != (sent, exact, offered):
            return b""  # where the viewer asked for something else meanwhile, that woke us
        self._sent, self._exact = update.frame, update.exact or exact
        # If the size changed while a thread encoded, tell it once more.
        self._size = size if size == self._picture.size else (0, 0)
        if not update.payload:
            return b""  # all that was to be refined was painted anew
        self._requested = False
        self._frames += 1
        self._meters.tally.updates += 1
        return update.payload + self._fence(update.size, clock())

    async def _owed(self, profile: Profile) -> Update | None:
        """What is live goes first, and never waits long for what goes without loss after it."""
        picture, screen = self._picture, self._picture.screen
        assert screen is not None, "viewers begin when there is a screen"
        if self._size != picture.size or self._sent < screen.frame:
            return await picture.update_for(self._sent, profile, known_size=self._size)
        return await picture.refinement_for(self._exact, profile, self._most_exact())

    def _most_exact(self) -> int:
        """How many pixels to send without loss at once: what the link carries in 100 ms."""
        if not self._fences:
            return MAX_PIXELS
        return int((self._pace.rate * QUEUE_SECONDS or FIRST_WINDOW) / _PIXEL_BYTES)

    def _fence(self, size: int, now: float) -> bytes:
        if not self._fences:
            self._pace.unfenced(size)
            return b""
        if size and self._pace.goes_along(size, now):
            return b""
        return fence(_OURS, _NUMBER.pack(self._pace.sent(size, now)))

    def _asides(self) -> bytes:
        """The pointer's shape, the lights, the bell and the clipboard, where they are new."""
        picture, screen = self._picture, self._picture.screen
        assert screen is not None
        said = b""
        if screen.cursor_version != self._cursor_version:
            self._cursor_version = screen.cursor_version
            shape = pointer_shape_rect(screen.cursor, self._encodings, self._pixel_format)
            said += self._aside(shape) if shape else b""
        if picture.led != self._led and Encoding.QEMU_LED_STATE in self._encodings:
            self._led = picture.led
            said += self._aside(led_state_rect(self._led or 0))
        if picture.bells != self._bells:
            self._bells = picture.bells
            said += bell()
        if picture.clipboards != self._clipboards:
            self._clipboards = picture.clipboards
            said += server_cut_text(picture.clipboard) if self._takes_clipboard() else b""
        return said

    def _aside(self, rect: bytes) -> bytes:
        self._meters.tally.encoded(rect)
        return framebuffer_update(1, rect)

    def _begin_anew(self) -> None:
        """It is owed everything."""
        self._sent = self._exact = 0

    def _choose(self) -> None:
        profile = Profile.for_viewer(self._encodings, self._pixel_format)
        if not profile.continues(self._profile):
            # Whatever it was sent, it may not look as this profile would have it.
            self._begin_anew()
        self._profile = profile
        self._levels.clear()

    def _painted(self, now: float) -> Profile:
        """How to encode for it now."""
        offered, pace = self._profile.jpeg_quality, self._pace
        if offered is None:
            return self._profile
        quality = pinned(offered) or self._link.judged(
            pace.rate, pace.base or 0.0, pressed=pace.pressed(now), now=now
        )
        level: int = quality.value
        profile = self._levels.get(level)
        if profile is None:
            profile = self._levels[level] = self._profile.at_level(level)
        return profile
