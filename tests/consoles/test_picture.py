"""What of a frame is much to encode."""

from __future__ import annotations

import asyncio

import pytest

from gateway.consoles.picture import BIG_AREA, Picture
from gateway.rfb.events import FrameReceived
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
    picture.follow(framebuffer, "vm", None)
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
    assert await picture.update_for(sent, PROFILE, known_size=None) is not None
    return len(used)


async def test_a_copy_is_nothing_to_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, framebuffer = watched()
    framebuffer.copy(MOVED, 0, 16)
    assert await threads_used(picture, Copy(MOVED, 0, 16), monkeypatch) == 0


async def test_a_large_painting_is_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, framebuffer = watched()
    framebuffer.fill(WHOLE, (7, 8, 9))
    assert await threads_used(picture, Write(WHOLE), monkeypatch) == 1
