"""In which order a pump shows, and answers whoever showed it something."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.consoles.ports import Ended, Heard
from gateway.consoles.pump import Pump
from gateway.errors import UpstreamError
from gateway.rfb.client import ClientConnection
from gateway.rfb.events import Event, FrameReceived
from tests.doubles.serverwords import hello, rect, update

FRAME = update(rect(0, 0, 1, 1, 0, b"\1\2\3\0"))
KNOWS_CONTINUOUS_UPDATES = b"\x96"


class Talking:
    """An upstream whose answers are noted where they are written."""

    def __init__(self, before: bytes) -> None:
        self.connection = ClientConnection()
        self.connection.receive_data(hello(4, 4) + before)
        self.connection.data_to_send()
        self.early: Sequence[Event] = ()
        self.full_since: float | None = None
        self.told: list[str] = []

    def listen(self, heard: Heard, ended: Ended) -> None:
        self.say, self.end = heard, ended

    def write(self, data: bytes) -> None:
        if data:
            self.told.append("answered")

    def happened(self, events: Sequence[Event]) -> None:
        if any(isinstance(event, FrameReceived) for event in events):
            self.told.append("shown")

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("before", "order"),
    [(b"", ["answered", "shown"]), (KNOWS_CONTINUOUS_UPDATES, ["shown", "answered"])],
)
async def test_who_shows_nothing_unasked_is_asked_first(before: bytes, order: list[str]) -> None:
    upstream = Talking(before)
    Pump(upstream, upstream.happened).start()
    fence = b"\xf8\0\0\0\x80\0\0\0\1!"  # a request for an echo of "!"
    upstream.say(FRAME + fence)
    assert list(dict.fromkeys(upstream.told)) == order


async def test_the_first_end_counts() -> None:
    upstream = Talking(b"")
    pump = Pump(upstream, upstream.happened)
    pump.start()
    assert not await pump.over(0.0)
    upstream.end(UpstreamError("it broke"))
    upstream.end(None)
    upstream.say(FRAME)
    assert upstream.told == []
    with pytest.raises(UpstreamError, match="it broke"):
        await pump.over(5)


async def test_who_stops_hears_no_more() -> None:
    upstream = Talking(b"")
    pump = Pump(upstream, upstream.happened)
    pump.start()
    pump.stop()
    upstream.say(FRAME)
    assert upstream.told == []
    assert await pump.over(5)
