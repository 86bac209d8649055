"""What one viewer's side of a picture notes for a collector."""

from __future__ import annotations

from gateway.consoles.feed import Feed
from gateway.consoles.meters import Meters
from gateway.consoles.picture import Picture
from gateway.rfb.events import CursorChanged, FrameReceived
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.messages import EncodingsChanged
from gateway.rfb.operations import Write
from gateway.rfb.tally import Kind
from gateway.rfb.wire import Cursor, Encoding, FenceFlags, Rect

WHOLE = Rect(0, 0, 64, 48)


class Noted:
    """An observer whose measurements a test reads."""

    def __init__(self) -> None:
        self.amounts: list[float] = []

    def observe(self, amount: float, /) -> None:
        self.amounts.append(amount)


class Side:
    """A picture with a frame, and a viewer that wants updates."""

    def __init__(self, *encodings: int) -> None:
        self.round_trips = Noted()
        self.meters = Meters(round_trip=self.round_trips)
        self.picture = Picture()
        self.picture.follow(Framebuffer(WHOLE.width, WHOLE.height), "vm", None)
        self.paint()
        self.feed = Feed(self.picture, takes_clipboard=lambda: False, meters=self.meters)
        self.feed.greeted()
        self.feed.encodings_changed(EncodingsChanged(encodings))
        self.feed.continue_updates(enable=True)

    def paint(self) -> None:
        screen = self.picture.screen
        if screen is not None:
            screen.framebuffer.pixels[:] += 1
        self.picture.happened([FrameReceived((Write(WHOLE),))], 0.0)

    async def next(self, at: float = 0.0) -> bytes:
        return await self.feed.next(lambda: at)


async def test_a_viewer_is_behind_until_it_is_sent_the_newest_frame() -> None:
    side = Side()
    assert side.feed.behind
    await side.next()
    assert not side.feed.behind
    side.paint()
    assert side.feed.behind
    await side.next()
    assert not side.feed.behind


async def test_each_update_is_counted_for_its_viewer() -> None:
    side = Side()
    await side.next()
    await side.next()  # there is none
    side.paint()
    await side.next()
    assert side.meters.tally.updates == 2


async def test_what_paints_nothing_is_counted_apart() -> None:
    side = Side(Encoding.CURSOR)
    side.picture.happened([CursorChanged(Cursor(2, 2, 0, 0, bytes(16)))], 0.0)
    shape = await side.next()
    # All but the update's own header: type, padding, number of rects.
    assert side.meters.tally.sizes[Kind.PSEUDO] == len(shape) - 4


async def test_a_round_trip_is_noted_for_each_fence_of_ours() -> None:
    side = Side()
    side.feed.fence(FenceFlags(0), b"", 0.0)  # it knows fences
    update = await side.next(at=10.0)
    number = update[-4:]
    side.feed.fence(FenceFlags(0), b"\xff" * 4, 10.1)  # never sent
    assert side.round_trips.amounts == []
    side.feed.fence(FenceFlags(0), number, 10.25)
    assert side.round_trips.amounts == [0.25]
    side.feed.fence(FenceFlags(0), number, 10.5)  # said twice
    assert side.round_trips.amounts == [0.25]
