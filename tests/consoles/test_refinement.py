"""What reaches a viewer as a JPEG becomes exact, though nothing moves on the screen any more."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.consoles.picture import BIG_AREA
from gateway.rfb.wire import Encoding
from tests.doubles.console_stage import ORIGIN, staged
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.simple_viewer import SimpleViewer
from tests.doubles.ws_viewer import WsViewer

LOSSY = (Encoding.TIGHT, Encoding.QUALITY_0 + 6)
# One is encoded at once, the other in a thread, while the session goes on.
SIZES = ((128, 96), (512, 300))
WITHIN = 3.0  # before the gateway asks a quiet hypervisor for a sign of life


class Watching(WsViewer):
    """Is sent photos with loss."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.said = b""

    async def _message(self) -> None:
        data = await self.ws.recv()
        assert isinstance(data, bytes)
        self.said += data
        await self.request()

    def shows(self, pixels: bytes) -> bool:
        viewer = SimpleViewer(self.width, self.height)
        try:
            viewer.receive(self.said)
        except AssertionError:
            return False  # an update is still on its way
        if viewer.pixels() != pixels:
            return False
        # rfbproto, Tight: 9 in the upper bits is a JPEG.
        assert any(control >> 4 == 9 for control in viewer.controls), "nothing had any loss"
        return True


def paint_photo(server: FakeRfbServer) -> None:
    """All over the screen; clients are told."""
    noise = np.random.default_rng(1).integers(90, 160, (server.height, server.width, 4))
    server.pixels[:] = noise.astype(np.uint8).tobytes()
    for talk in server.conversations:
        talk.owe(server.everything())


def seen(server: FakeRfbServer) -> bytes:
    return np.frombuffer(server.pixels, np.uint8).reshape(-1, 4)[:, :3].tobytes()


def test_the_sizes_stand_for_both_ways_to_encode() -> None:
    small, large = (width * height for width, height in SIZES)
    assert small < BIG_AREA < large


@pytest.mark.parametrize("size", SIZES)
async def test_a_photo_painted_once_becomes_exact(size: tuple[int, int]) -> None:
    async with (
        FakeRfbServer(width=size[0], height=size[1]) as server,
        staged(server.port) as stage,
        Watching.opened(stage.url, ORIGIN, ["ticket.operator"]) as viewer,
    ):
        await viewer.start(LOSSY)
        await viewer.until(lambda: viewer.said)
        paint_photo(server)
        await viewer.until(lambda: viewer.shows(seen(server)), WITHIN)


@pytest.mark.parametrize("size", SIZES)
async def test_a_still_photo_becomes_exact_for_who_comes_later(size: tuple[int, int]) -> None:
    async with FakeRfbServer(width=size[0], height=size[1]) as server, staged(server.port) as stage:
        paint_photo(server)
        async with stage.viewer("operator") as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
            async with Watching.opened(stage.url, ORIGIN, ["ticket.tenant"]) as viewer:
                await viewer.start(LOSSY)
                await viewer.until(lambda: viewer.shows(seen(server)), WITHIN)
