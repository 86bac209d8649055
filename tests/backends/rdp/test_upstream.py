"""An RDP console's end: told once, for the child's reason, and nothing is handed over behind it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from gateway.backends.rdp.upstream import RdpUpstream
from gateway.backends.wire import Ended, Heard
from gateway.errors import UpstreamError, UpstreamTakenOver


class Screen:
    """The X server's end of it: says what a test has it say."""

    hear: Heard
    end: Ended

    def listen(self, heard: Heard, ended: Ended) -> None:
        self.hear, self.end = heard, ended


class Witness:
    """Who listens."""

    def __init__(self) -> None:
        self.said: list[bytes | Exception | None] = []

    def listen(self, error: UpstreamError | None = None) -> tuple[Screen, SimpleNamespace]:
        """To an upstream whose child may have ended before."""
        screen, desktop = Screen(), SimpleNamespace(error=error, ended=None)
        shaken = SimpleNamespace(connection=None, early=[])
        upstream = RdpUpstream(*cast("Any", (shaken, screen, desktop)))
        upstream.listen(self.said.append, self.said.append)
        return screen, desktop


def test_nothing_is_handed_over_behind_the_end() -> None:
    """The child tells why it ended while its X server still paints."""
    witness = Witness()
    screen, desktop = witness.listen()
    screen.hear(b"picture")
    desktop.error = UpstreamTakenOver("another client took the console over")
    desktop.ended()
    screen.hear(b"more")
    desktop.ended()
    screen.end(None)
    assert witness.said == [b"picture", desktop.error]


def test_a_child_that_had_ended_before_is_told_at_once() -> None:
    witness = Witness()
    error = UpstreamError("the host closed the connection")
    screen, _ = witness.listen(error)
    screen.hear(b"picture")
    assert witness.said == [error]
