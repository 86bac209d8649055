"""What is encoded in a thread, and who waits for a frame's end."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway.consoles.picture import BIG_AREA, Picture
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.events import Bell, FrameReceived
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.profile import Profile
from gateway.rfb.wire import RGBX, Encoding, Rect

WHOLE = Rect(0, 0, 1024, 512)
MOVED = Rect(0, 0, 1024, 496)
PROFILE = Profile.for_viewer([Encoding.TIGHT, Encoding.COPYRECT], RGBX)


def watched() -> tuple[Picture, Framebuffer]:
    """A picture whose first frame is over."""
    assert BIG_AREA < MOVED.area
    framebuffer = Framebuffer(WHOLE.width, WHOLE.height)
    framebuffer.fill(Rect(40, 40, 99, 99), (1, 2, 3))
    picture = Picture()
    picture.follow(framebuffer, "vm", None, says_scrolls=lambda: True)
    assert picture.happened([FrameReceived((Write(WHOLE),))], 0.0)
    return picture, framebuffer


async def threads_used(
    picture: Picture, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> int:
    """How often a thread encodes what a frame did."""
    assert picture.screen is not None
    sent, used, to_thread = picture.screen.frame, [], asyncio.to_thread

    def counted(*args: object) -> object:
        used.append(args)
        return to_thread(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "to_thread", counted)
    picture.happened([FrameReceived((operation,))], 1.0)
    for _ in range(2):
        assert await picture.update_for(sent, PROFILE, known_size=None) is not None
    return len(used)


async def test_a_copy_is_nothing_to_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, framebuffer = watched()
    framebuffer.copy(MOVED, 0, 16)
    assert await threads_used(picture, Copy(MOVED, 0, 16), monkeypatch) == 0


async def test_a_large_painting_is_for_a_thread_once(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, framebuffer = watched()
    framebuffer.fill(WHOLE, (7, 8, 9))
    assert await threads_used(picture, Write(WHOLE), monkeypatch) == 1


async def test_what_only_has_to_be_said_again_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, framebuffer = watched()
    framebuffer.fill(WHOLE, (7, 8, 9))
    said = Write(WHOLE, content=TightContent(b"\7\x08\x09", b""))
    assert await threads_used(picture, said, monkeypatch) == 0


async def test_while_a_frame_is_painted_viewers_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.consoles.picture.PATIENCE", 0.05)
    picture, framebuffer = watched()
    told = asyncio.Event()
    picture.watch(told.set)
    framebuffer.whole = False
    assert await picture.update_for(0, PROFILE, known_size=None) is None
    # ... but not for ever: they are told when they may have what there is.
    async with asyncio.timeout(5):
        await told.wait()
    assert await picture.update_for(0, PROFILE, known_size=None) is not None
    framebuffer.whole = True
    picture.happened([FrameReceived((Write(MOVED),))], 1.0)
    assert await picture.update_for(0, PROFILE, known_size=None) is not None
    # The next frame is worth the same patience.
    framebuffer.whole = False
    assert await picture.update_for(0, PROFILE, known_size=None) is None


async def test_when_nobody_paints_any_more_nobody_waits() -> None:
    picture, framebuffer = watched()
    framebuffer.whole = False
    told = asyncio.Event()
    picture.watch(told.set)
    assert await picture.update_for(0, PROFILE, known_size=None) is None
    picture.lost(1.0)
    assert told.is_set()
    assert await picture.update_for(0, PROFILE, known_size=None) is not None


async def test_who_types_is_told_before_those_who_watch() -> None:
    picture, told = Picture(), []
    callbacks = {name: partial(told.append, name) for name in ("one", "two", "operator")}
    picture.watch(callbacks["one"])
    picture.watch(callbacks["two"])
    picture.watch(callbacks["operator"], first=True)
    picture.happened([Bell()], 0.0)
    assert told == ["operator", "one", "two"]
    picture.unwatch(callbacks["operator"])
    picture.unwatch(callbacks["one"])
    picture.happened([Bell()], 0.0)
    assert told[3:] == ["two"]
