"""What one viewer is sent, as its wish and its link change."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from gateway.consoles.feed import Feed
from gateway.consoles.picture import Picture
from gateway.rfb.events import FrameReceived
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.messages import EncodingsChanged
from gateway.rfb.operations import Write
from gateway.rfb.profile import Profile
from gateway.rfb.screen import Update
from gateway.rfb.wire import Encoding, FenceFlags, PixelFormat, Rect
from tests.doubles.simple_viewer import SimpleViewer

WIDTH, HEIGHT = 256, 192
PHOTO, CORNER = Rect(0, 0, 128, 128), Rect(192, 128, 64, 64)
FENCE = 248
RGB565 = PixelFormat(16, 16, True, True, 31, 63, 31, 11, 5, 0)


class Watched(Picture):
    """A picture that notes with which profiles it was encoded."""

    def __init__(self) -> None:
        super().__init__()
        self.profiles: list[Profile] = []

    async def update_for(
        self, sent: int, profile: Profile, *, known_size: tuple[int, int] | None
    ) -> Update | None:
        self.profiles.append(profile)
        return await super().update_for(sent, profile, known_size=known_size)

    @property
    def levels(self) -> set[int | None]:
        return {profile.jpeg_quality for profile in self.profiles}


class Stage:
    """An upstream that paints noise, and one viewer on a link with a speed."""

    def __init__(self, *levels: int, fences: bool = False) -> None:
        self.framebuffer = Framebuffer(WIDTH, HEIGHT)
        self.picture = Watched()
        self.picture.follow(self.framebuffer, "vm", None)
        self.now, self.bandwidth, self._seed = 100.0, 1e9, 0
        self.paint(Rect(0, 0, WIDTH, HEIGHT))
        self.feed = Feed(self.picture, takes_clipboard=lambda: False)
        self.viewer = SimpleViewer(*self.feed.greeted())
        self.received = 0
        self.offer(*levels)
        self.feed.continue_updates(enable=True)
        if fences:
            self.feed.fence(FenceFlags(0), b"", self.now)

    def offer(self, *levels: int) -> None:
        encodings = (Encoding.TIGHT, Encoding.COPYRECT, *(Encoding.QUALITY_0 + n for n in levels))
        self.feed.encodings_changed(EncodingsChanged(encodings))

    def paint(self, *rects: Rect) -> None:
        random = np.random.default_rng(self._seed)
        self._seed += 1
        for rect in rects:
            shape = (rect.height, rect.width, 3)
            self.framebuffer.view(rect)[:, :, :3] = random.integers(90, 160, shape)
        self.picture.happened([FrameReceived(tuple(map(Write, rects)))], self.now)

    def refine(self) -> None:
        self.now += 1
        self.picture.refine(self.now)

    async def take(self) -> int:
        """The viewer reads all that it is sent now; returns the bytes of it that paint."""
        taken = 0
        while data := await self.feed.next(lambda: self.now):
            taken += self._read(data)
        self.received += taken
        return taken

    async def next(self) -> int:
        """The viewer reads one update, as soon as its link has room; the bytes that paint."""
        for _ in range(100):
            if data := await self.feed.next(lambda: self.now):
                if painted := self._read(data):
                    return painted
            else:
                self.now += 0.01
        return 0

    def _read(self, data: bytes) -> int:
        # rfbproto, ServerFence: type 248, padding, U32 flags, U8 length, here of 4 bytes.
        fenced = 13 <= len(data) and data[-13] == FENCE and data[-5] == 4
        painted = data[:-13] if fenced else data
        self.viewer.receive(painted)
        self.now += len(painted) / self.bandwidth
        if fenced:
            self.feed.fence(FenceFlags(0), data[-4:], self.now + 0.01)
        return len(painted)

    @property
    def exact(self) -> bool:
        return self.viewer.pixels() == self.framebuffer.pixels[:, :, :3].tobytes()


@pytest.mark.parametrize("level", range(10))
async def test_however_many_levels_viewers_offer_three_are_painted(level: int) -> None:
    stage = Stage(*range(level + 1))
    await stage.take()
    assert stage.picture.levels <= {8, 6, 2}


async def test_a_wish_that_changes_costs_nothing_until_something_does() -> None:
    stage = Stage(6)
    assert 10_000 < await stage.take()
    for level in (9, 0, 6):
        stage.offer(level)
        assert await stage.take() == 0
    stage.offer(9)
    stage.paint(CORNER)
    sharp = await stage.take()
    stage.offer(1)
    stage.paint(CORNER)
    fast = await stage.take()
    assert 0 < fast < sharp / 2
    assert stage.picture.levels == {6, 8, 2}


async def test_whatever_it_wished_meanwhile_it_ends_exact() -> None:
    stage = Stage(1)
    await stage.take()
    for level in (1, 9, 4, 9):
        stage.offer(level)
        stage.paint(CORNER)
        await stage.take()
        assert not stage.exact
    stage.refine()
    await stage.take()
    assert stage.exact


async def test_who_wants_no_loss_never_gets_any() -> None:
    stage = Stage(fences=True)
    stage.bandwidth = 20_000
    for _ in range(20):
        stage.paint(PHOTO)
        await stage.take()
        assert stage.exact
        stage.now += 0.5
    assert stage.picture.levels == {None}


async def test_who_wants_no_loss_any_more_is_sent_everything_again() -> None:
    stage = Stage(1)
    await stage.take()
    stage.offer()
    await stage.take()
    assert stage.exact


async def test_who_reads_other_pixels_is_sent_everything_again() -> None:
    stage = Stage()
    await stage.take()
    stage.feed.format_changed(RGB565)
    update = await stage.feed.next(lambda: stage.now)
    assert 2 * WIDTH * HEIGHT <= len(update)


async def test_who_allows_loss_from_now_on_keeps_what_is_exact() -> None:
    stage = Stage()
    await stage.take()
    stage.offer(6)
    assert await stage.take() == 0


async def test_a_thin_link_gets_fast_pictures_and_nothing_twice() -> None:
    stage = Stage(6, fences=True)
    stage.bandwidth = 40_000
    sizes = []
    for _ in range(20):
        stage.paint(PHOTO)
        sizes.append(await stage.take())
        stage.now += 0.1
    assert {6, 2} == stage.picture.levels
    assert max(sizes[-5:]) < min(sizes[1:4]) * 0.7
    assert len(stage.viewer.encodings) <= 2 + 20  # the first picture, then a rect for each


async def test_a_pin_outweighs_the_link() -> None:
    stage = Stage(9, fences=True)
    stage.bandwidth = 40_000
    for _ in range(20):
        stage.paint(PHOTO)
        await stage.take()
    assert stage.picture.levels == {8}


async def test_a_full_link_says_when_to_look_again() -> None:
    stage = Stage(6, fences=True)
    await stage.take()
    assert stage.feed.room_at == float("inf")
    sent = [stage.feed._pace.sent(20_000, stage.now) for _ in range(3)]
    for number in sent:
        stage.now += 0.2
        stage.feed.fence(FenceFlags(0), struct.pack(">I", number), stage.now)
    stage.paint(PHOTO)
    stage.feed._pace.sent(30_000, stage.now)
    assert await stage.take() == 0
    assert 0.2 <= stage.feed.room_at - stage.now <= 0.3
    stage.now += 0.31
    assert stage.feed.room_at < stage.now  # however late somebody looks
    assert 0 < await stage.take()


async def test_a_thin_link_is_refined_in_pieces_and_what_is_live_goes_between_them() -> None:
    stage = Stage(6, fences=True)
    stage.bandwidth = 40_000
    for _ in range(20):
        stage.paint(PHOTO)
        await stage.next()
        stage.now += 1.0
    await stage.next()
    stage.refine()
    pieces = 0
    while not stage.exact:
        began = stage.now
        assert 0 < await stage.next()
        assert stage.now - began < 0.15
        assert stage.feed.behind != stage.exact
        pieces += 1
        if pieces == 3:
            stage.paint(CORNER)
            stage.viewer.controls.clear()
            await stage.next()
            assert stage.viewer.controls == [0x90]  # JPEG
            stage.refine()
    assert 30 < pieces


async def test_who_is_sent_everything_again_is_refined_again() -> None:
    stage = Stage(6)
    await stage.take()
    stage.refine()
    await stage.take()
    assert stage.exact
    stage.feed.requested(incremental=False)
    await stage.take()
    assert stage.exact
    assert not stage.feed.behind


async def test_who_never_gets_loss_has_nothing_to_refine() -> None:
    stage = Stage(6)
    await stage.take()
    other = Feed(stage.picture, takes_clipboard=lambda: False)
    other.encodings_changed(EncodingsChanged((Encoding.TIGHT,)))
    other.continue_updates(enable=True)
    assert await other.next(lambda: stage.now)
    assert not other.behind
    stage.refine()
    assert stage.feed.behind
    assert not other.behind
    assert await other.next(lambda: stage.now) == b""
