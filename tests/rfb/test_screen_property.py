"""Whatever is painted, and whoever is late: everybody ends with the same picture."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.words import as_words
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.screen import Profile, Screen
from gateway.rfb.wire import RGBX, Rect
from tests.doubles.simple_viewer import SimpleViewer

SIDE = 150

PROFILES = (
    Profile.for_viewer([7, 1, -308], RGBX),
    Profile.for_viewer([7, 1, -26, -223], RGBX),
    Profile.for_viewer([7, -29, -223], RGBX),
    Profile.for_viewer([0, 1, -223], RGBX),
    Profile.for_viewer([0, -308], RGBX),
)


@dataclass
class Watcher:
    """A viewer and the two integers that the gateway keeps of it."""

    profile: Profile
    viewer: SimpleViewer
    sent: int = 0
    exact: int = 0

    def catch_up(self, screen: Screen) -> None:
        update = screen.update_for(self.sent, self.profile)
        if update is not None:
            assert self.sent < update.frame <= screen.frame
            self.viewer.receive(update.payload)
            self.sent = update.frame

    def refine(self, screen: Screen, most: int) -> None:
        """If nothing live is owed, some of what is owed without loss."""
        if screen.whole and self.sent == screen.frame:
            owed = screen.owed_exactly(self.exact, self.profile, most)
            if owed is not None:
                update = owed.encoded()
                assert self.exact < update.exact <= screen.refinement
                assert update.frame == self.sent
                self.viewer.receive(update.payload)
                self.exact = update.exact


@dataclass
class Story:
    """An upstream that paints, and the viewers that come, lag and go."""

    framebuffer: Framebuffer
    screen: Screen
    watchers: list[Watcher] = field(default_factory=list)
    painting: list[Operation] = field(default_factory=list)
    find_scrolls: bool = False
    now: float = 0.0

    def settle(self) -> None:
        """The frame that the upstream is painting is whole."""
        self.framebuffer.whole = True
        if self.painting:
            self.screen.painted(self.painting, self.now, find_scrolls=self.find_scrolls)
        self.painting = []

    def resize(self, width: int, height: int) -> None:
        for watcher in self.watchers:
            if watcher.sent == 0:
                watcher.catch_up(self.screen)  # otherwise it is held to know the new size
        self.settle()
        self.framebuffer.resize(width, height)
        self.screen.resized(self.now)

    def truth(self) -> bytes:
        return self.framebuffer.pixels[:, :, :3].tobytes()


sides = st.integers(1, SIDE)
# Colours from flat to noise: all of Tight's kinds are met.
kinds = st.sampled_from(["flat", "mono", "few", "many", "photo"])


@st.composite
def rects(draw: st.DrawFn, width: int, height: int) -> Rect:
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Rect(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))


def paint(framebuffer: Framebuffer, rect: Rect, kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = (rect.height, rect.width, 3)
    if kind == "photo":
        area = random.integers(100, 180, shape)
    else:
        count = {"flat": 1, "mono": 2, "few": 20, "many": 200}[kind]
        palette = random.integers(0, 256, (count, 3))
        # Each colour in runs, as text and windows have them.
        chosen = np.repeat(random.integers(0, count, shape[:2]), 4, axis=1)[:, : rect.width]
        area = palette[chosen]
    framebuffer.view(rect)[:, :, :3] = area


@st.composite
def content(draw: st.DrawFn, framebuffer: Framebuffer, rect: Rect) -> TightContent | None:
    """How an upstream might have said what it painted; None where it said the pixels."""
    pixels = np.ascontiguousarray(as_words(framebuffer.view(rect)))
    palette, indices = np.unique(pixels, return_inverse=True)
    if 256 < palette.size or draw(st.booleans()):
        return None
    colours = b"".join(int(each).to_bytes(4, "little")[:3] for each in palette)
    match palette.size:
        case 1:
            return TightContent(colours, b"")
        case 2:
            return TightContent(colours, np.packbits(indices.reshape(pixels.shape), 1).tobytes())
        case _:
            return TightContent(colours, indices.astype(np.uint8).tobytes())


@st.composite
def operations(draw: st.DrawFn, story: Story) -> list[Operation]:
    """Paint some of a frame into the framebuffer and say what was done."""
    framebuffer = story.framebuffer
    width, height = framebuffer.width, framebuffer.height
    said: list[Operation] = []
    for _ in range(draw(st.integers(1, 4))):
        rect = draw(rects(width, height))
        if draw(st.booleans()):
            near = draw(st.booleans())  # as texts scroll
            source_x = rect.x if near else draw(st.integers(0, width - rect.width))
            source_y = draw(st.integers(0, height - rect.height))
            framebuffer.copy(rect, source_x, source_y)
            said.append(Copy(rect, source_x, source_y))
        else:
            paint(framebuffer, rect, draw(kinds), draw(st.integers(0, 1000)))
            said.append(Write(rect, content=draw(content(framebuffer, rect))))
    return said


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_viewer_that_catches_up_shows_the_truth(data: st.DataObject) -> None:
    framebuffer = Framebuffer(data.draw(sides), data.draw(sides))
    story = Story(framebuffer, Screen(framebuffer), find_scrolls=data.draw(st.booleans()))
    for _ in range(data.draw(st.integers(1, 25))):
        step(story, data.draw)
    story.settle()
    for watcher in story.watchers:
        watcher.catch_up(story.screen)
        if watcher.profile.jpeg_quality is None:
            assert watcher.viewer.pixels() == story.truth()
    # A JPEG area that stays still is sent again without loss.
    while (due := story.screen.next_refinement()) is not None:
        assert due <= story.now + 0.3
        story.screen.refine(due)
    for watcher in story.watchers:
        while watcher.profile.jpeg_quality is not None and watcher.exact < story.screen.refinement:
            watcher.refine(story.screen, most=6000)
        assert story.screen.owed_exactly(watcher.exact, watcher.profile, 1) is None
        assert watcher.viewer.pixels() == story.truth()


def step(story: Story, draw: st.DrawFn) -> None:
    framebuffer, screen = story.framebuffer, story.screen
    story.now += draw(st.sampled_from([0.01, 0.1, 0.5]))
    match draw(st.sampled_from(["paint"] * 6 + ["send"] * 6 + ["join"] * 3 + RARE + REFINING)):
        case "paint":
            # Viewers that are tired of waiting are sent what is there of a frame.
            story.painting += draw(operations(story))
            framebuffer.whole = False
            if draw(st.booleans()):
                story.settle()
        case "join":
            profile = draw(st.sampled_from(PROFILES))
            story.watchers.append(Watcher(profile, SimpleViewer(screen.width, screen.height)))
        case "send":
            for watcher in some(story, draw):
                watcher.catch_up(screen)
        case "send exactly":
            for watcher in some(story, draw):
                watcher.refine(screen, draw(st.integers(0, 20_000)))
        case "quit" if story.watchers:
            story.watchers.pop(draw(st.integers(0, len(story.watchers) - 1)))
        case "resize":
            story.resize(draw(sides), draw(sides))
        case "refine":
            screen.refine(story.now)
        case _:
            pass


def some(story: Story, draw: st.DrawFn) -> list[Watcher]:
    return [each for each in story.watchers if draw(st.booleans())]


RARE = ["quit", "resize"]
REFINING = ["refine"] * 2 + ["send exactly"] * 4
