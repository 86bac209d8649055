"""One screen for many viewers: its frames, what each frame did, and what a viewer is owed.

There is one picture, the upstream's `framebuffer`, and viewers are sent what it shows between two
updates. While one is being painted they wait; where that takes too long, they are sent what is
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from gateway.errors import RfbError
from gateway.rfb.damage import (
    TILE,
    Tiles,
    changed_rects,
    grid_size,
    inner_tiles,
    tile_rects,
    tiles_of,
)
from gateway.rfb.encodings.words import Words, as_words
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.history import Frame, History
from gateway.rfb.messages import desktop_size_rect, extended_desktop_size_rect, framebuffer_update
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.owed import Owed, Update
from gateway.rfb.painting import MergedPaintings, Painting
from gateway.rfb.profile import Profile
from gateway.rfb.replay import replayable
from gateway.rfb.scroll import Scrolls
from gateway.rfb.tally import Tally
from gateway.rfb.times import FrameTimes
from gateway.rfb.wire import Cursor, Encoding, Rect

__all__ = ["Owed", "Profile", "Screen", "Update"]

STILL_SECONDS: Final = 0.3
_MAX_HANDED_OUT: Final = 64 * 1024 * 1024
_REMEMBERED_FRAMES: Final = 4
_REMEMBERED_PROFILES: Final = 4


class Screen:
    """A framebuffer's frames and tile generations.

    INVARIANT: a viewer's whole state is two integers: the newest frame that it was sent, and the
    last tile that it was sent once more without loss, by the number that it then had; 0 is none.
    INVARIANT: whoever was sent every frame up to n holds the framebuffer as of n, but for tiles
    marked lossy or to be refined with a number beyond its own, and for what the next frame paints
    where that was half painted when it was sent.
    INVARIANT: whoever holds a refined tile's number was sent its newest painting before.
    One thread calls; only what `owed` hands out may be encoded in another.
    """

    def __init__(self, framebuffer: Framebuffer, tally: Tally | None = None) -> None:
        self.framebuffer = framebuffer
        self.frame = 1
        self.refinement = 0  # the number of the newest tile to be sent without loss
        self.cursor: Cursor | None = None
        self.cursor_version = 0
        self.size_version = 0
        self._history = History()
        self._tally = tally or Tally()
        self._merged = MergedPaintings(self._tally)
        # Of the newest frame only: viewers in one place share one payload.
        self._owed_now: dict[tuple[int, Profile], Owed] = {}
        # Handed out; where they are lossy is known when they are encoded.
        self._handed_out: list[Painting] = []
        # The frame in which each was last asked for.
        self._profiles: dict[Profile, int] = {}
        self._scrolls = Scrolls()
        self._torn = False  # somebody was sent a frame that was half painted
        self._may_be_lossy = False  # any tile at all
        self._take_pixels()
        self._begin_at_size(now=0.0)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    def painted(
        self, operations: Sequence[Operation], now: float, *, find_scrolls: bool = False
    ) -> int:
        """Take over what the upstream painted, a new frame; returns the newest frame's number.

        `find_scrolls` for an upstream that knows no CopyRect.
        """
        self._mark_lossy()
        self._follow_size(now)
        # What is copied must be what viewers hold.
        done = replayable(operations, self.width, self.height, copies=not self._torn)
        if find_scrolls and not self._torn:
            done = self._scrolls.told(done, self._pixels)
        else:
            self._scrolls.forget()
        self._torn = False
        if done:
            frame = self._begin_frame(done)
            self._take_down(frame)
            self._mark_painted(done, now)
        return self.frame

    def resized(self, now: float) -> int:
        """The framebuffer has another size, or was replaced by that of a new upstream connection.

        Returns the newest frame's number.
        """
        before = self._pixels
        self._take_pixels()
        if before.shape == self._pixels.shape:
            changed = changed_rects(before, self._pixels, 0, 0)
        else:
            changed = [Rect(0, 0, self.width, self.height)]
        return self.painted([Write(each) for each in changed], now)

    def interrupted(self, now: float) -> None:
        """Nobody paints any more; what is there of a frame is shown, and owed to everybody.

        So that what is compared with the next upstream's picture is what viewers are sent.
        """
        if not self.framebuffer.whole:
            self.framebuffer.whole = True
            self.painted([Write(Rect(0, 0, self.framebuffer.width, self.framebuffer.height))], now)

    def cursor_changed(self, cursor: Cursor | None) -> None:
        """The pointer has a new shape; None where the upstream draws it itself."""
        self.cursor = cursor
        self.cursor_version += 1

    def refine(self, now: float) -> int | None:
        """Owe what is lossy and has been still for 300 ms once more, without loss.

        Returns the number of the last tile of it; None where nothing is due.
        """
        self._mark_lossy()
        due = self._lossy & (self._generation <= self._times.still(now))
        count = int(np.count_nonzero(due))
        if not count:
            return None
        self._refined[due] = np.arange(self.refinement + 1, self.refinement + count + 1)
        self._lossy[due] = False
        self.refinement += count
        return self.refinement

    def next_refinement(self) -> float | None:
        """When `refine` next has something to do; ask again after each update."""
        self._mark_lossy()
        if not self._may_be_lossy:
            return None
        if not self._lossy.any():
            self._may_be_lossy = bool(self._refined.any())
            return None
        oldest = int(self._generation[self._lossy].min())
        return self._times.of(oldest) + STILL_SECONDS

    def update_for(
        self, sent: int, profile: Profile, *, known_size: tuple[int, int] | None = None
    ) -> Update | None:
        """What a viewer that was sent frame `sent` is owed, encoded here and now; see `owed`."""
        owed = self.owed(sent, profile, known_size=known_size)
        return None if owed is None else owed.encoded()

    @property
    def whole(self) -> bool:
        """Whether the framebuffer shows the newest frame and nothing of the next."""
        return self.framebuffer.whole

    def owed(
        self, sent: int, profile: Profile, *, known_size: tuple[int, int] | None = None
    ) -> Owed | None:
        """What a viewer that was sent frame `sent` is owed; None where that is nothing.

        A viewer whose profile changes begins again at 0. `known_size` is the size that it believes
        in; without that, one that was sent something is told each change since, and one that was
        sent nothing is held to know.
        Raises: RfbError where the viewer has no way to learn the new size.
        """
        size_message = b""
        if self._must_tell_size(sent, known_size):
            # Viewers may forget their pixels with their size.
            sent, size_message = 0, self._size_message(profile)
        elif self.frame <= sent:
            return None
        profile = profile.painting
        self._remember(profile)
        # Without a size message, what is owed depends on nothing else.
        owed = None if size_message else self._owed_now.get((sent, profile))
        if owed is not None:
            self._tally.hits += 1
        else:
            paintings = self._paintings(sent, profile)
            if not paintings:
                return None
            owed = Owed(self.frame, size_message, paintings)
            if profile.jpeg_quality is not None:
                self._handed_out += [each for each in paintings if not each.noted]
            if not size_message:
                self._owed_now[sent, profile] = owed
        return owed

    def owed_exactly(self, exact: int, profile: Profile, most: int) -> Owed | None:
        """What a viewer in step is owed without loss, `most` pixels of it, but at least a tile.

        `exact` is the number of the last tile that it was sent so; None where that is all.
        """
        if profile.jpeg_quality is None or self.refinement <= exact:
            return None
        due = exact < self._refined
        if not due.any():
            return Owed(self.frame, b"", (), exact=self.refinement)
        # Cut at the same numbers for whoever has about the same link, so that they share.
        step = 1 << max(1, most // (TILE * TILE)).bit_length() - 1
        first = int(self._refined[due].min())
        reached = min(-(-first // step) * step, self.refinement)
        due &= self._refined <= reached
        profile = profile.painting
        paintings = [
            self._merged_painting(Write(rect, lossless=True), profile)
            for rect in tile_rects(due, self._whole)
        ]
        return Owed(self.frame, b"", paintings, exact=reached)

    def _remember(self, profile: Profile) -> None:
        """Somebody wants it; of many, the newest wishes count."""
        self._profiles.pop(profile, None)
        self._profiles[profile] = self.frame
        if _REMEMBERED_PROFILES < len(self._profiles):
            del self._profiles[next(iter(self._profiles))]

    @property
    def _whole(self) -> Rect:
        return Rect(0, 0, self.width, self.height)

    # What happens to the screen

    def _take_pixels(self) -> None:
        self._pixels: Words = as_words(self.framebuffer.pixels)
        self.height, self.width = self._pixels.shape

    def _begin_at_size(self, now: float) -> None:
        """Take the framebuffer's size and pixels; everything is owed."""
        self._take_pixels()
        grid = grid_size(self.width, self.height)
        # Of each tile: the frame that last painted it, its number among those to be sent without
        # loss since, and whether a viewer may hold it inexactly and is not yet owed it so.
        self._generation = np.full(grid, self.frame, np.int64)
        self._refined = np.zeros(grid, np.int64)
        self._lossy: Tiles = np.zeros(grid, np.bool_)
        self._may_be_lossy = False
        self._times = FrameTimes(STILL_SECONDS)
        self._times.add(self.frame, now)
        self._sized = self._pixels.shape
        self._sized_at = self.frame
        self._copied_at = 0
        self._history.clear()
        self._merged.clear()
        self._owed_now.clear()
        self._scrolls.forget()

    def _follow_size(self, now: float) -> None:
        framebuffer = self.framebuffer
        if framebuffer.pixels.shape[:2] != self._sized:
            self.frame += 1
            self.size_version += 1
            self._begin_at_size(now)

    def _begin_frame(self, operations: Sequence[Operation]) -> Frame:
        self.frame += 1
        self._tally.frames += 1
        self._owed_now.clear()
        frame = Frame(self.frame, operations)
        self._history.add(frame)
        return frame

    def _take_down(self, frame: Frame) -> None:
        """Note the pixels for viewers who may ask when the next frame is there too."""
        for profile, asked in tuple(self._profiles.items()):
            if asked + _REMEMBERED_FRAMES < frame.number:
                del self._profiles[profile]
            else:
                frame.painting(self._pixels, profile, self._tally)

    def _mark_painted(self, operations: Sequence[Operation], now: float) -> None:
        frame, generation = self.frame, self._generation
        self._times.add(frame, now)
        for each in operations:
            generation[tiles_of(each.rect)] = frame
            if isinstance(each, Copy):
                self._copied_at = frame
            if self._may_be_lossy:
                self._mark_loss(each)

    def _mark_loss(self, operation: Operation) -> None:
        tiles = tiles_of(operation.rect)
        # Not everybody was sent yet what was to be refined.
        self._lossy[tiles] |= 0 < self._refined[tiles]
        if isinstance(operation, Copy):
            # What is copied from a lossy place is lossy.
            source = tiles_of(operation.source)
            self._lossy[tiles] |= self._lossy[source].any() or self._refined[source].any()
        self._refined[tiles] = 0
        if isinstance(operation, Write):
            # Whoever gets this gets every pixel anew; if as a JPEG, that is noted then.
            self._lossy[inner_tiles(operation.rect, self.width, self.height)] = False

    def _mark_lossy(self) -> None:
        """Note where what was handed out is not exact, as far as it has been encoded."""
        if not self._handed_out:
            return
        waiting: list[Painting] = []
        size = 0
        for painting in reversed(self._handed_out):
            size += painting.size
            if painting.lossy is not None:
                self._note(painting, painting.lossy)
            elif size <= _MAX_HANDED_OUT:
                waiting.append(painting)
            else:
                # Too much has been left lying: count it all as lossy and be done.
                self._note(painting, painting.rects)
        self._handed_out = waiting[::-1]

    def _note(self, painting: Painting, rects: Sequence[Rect]) -> None:
        painting.noted = True
        if not rects:
            return
        self._may_be_lossy = True
        for rect in rects:
            tiles = tiles_of(rect)
            # Whoever is sent a tile that is to be refined has a lower number.
            self._lossy[tiles] |= self._refined[tiles] == 0
        if painting.frame < self._copied_at:
            # Encoded while later frames came: what it paints may have been copied since.
            self._lossy |= (painting.frame < self._generation) & (self._refined == 0)

    # What a viewer is owed

    def _paintings(self, sent: int, profile: Profile) -> Sequence[Painting]:
        """Either each frame's own operations since `sent`, or today's pixels where it is behind."""
        frames = self._history.since(sent, profile) if self.whole else None
        if frames is not None and len(frames) <= 1:
            return [each.painting(self._pixels, profile, self._tally) for each in frames]
        owed: Tiles = sent < self._generation
        if frames is not None:
            # What they painted, some of it several times, against the tiles that they touched.
            said = sum(each.painted_area(profile) for each in frames)
            if said <= np.count_nonzero(owed) * TILE * TILE:
                return [each.painting(self._pixels, profile, self._tally) for each in frames]
        self._torn = self._torn or not self.whole
        rects = tile_rects(owed, self._whole)
        return [self._merged_painting(Write(rect), profile) for rect in rects]

    def _merged_painting(self, write: Write, profile: Profile) -> Painting:
        generation = int(self._generation[tiles_of(write.rect)].max())
        return self._merged.painting(write, generation, profile, self._pixels, self.frame)

    def _must_tell_size(self, sent: int, known_size: tuple[int, int] | None) -> bool:
        if known_size is not None:
            return known_size != (self.width, self.height)
        return 0 < sent < self._sized_at

    def _size_message(self, profile: Profile) -> bytes:
        # rfbproto, ExtendedDesktopSize: a message of its own; viewers drop what stands beside it.
        if profile.resize == Encoding.EXTENDED_DESKTOP_SIZE:
            return framebuffer_update(1, extended_desktop_size_rect(self.width, self.height))
        if profile.resize == Encoding.DESKTOP_SIZE:
            return framebuffer_update(1, desktop_size_rect(self.width, self.height))
        raise RfbError("the screen changed its size and the viewer cannot follow")
