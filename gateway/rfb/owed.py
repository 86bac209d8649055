"""What a viewer is owed: taken down at once, encoded when and where there is time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.rfb.messages import framebuffer_update
from gateway.rfb.painting import Painting

__all__ = ["Owed", "Update"]


class Update(NamedTuple):
    """What to write to a viewer, whole messages, and the numbers that it then has been sent.

    `exact` is that of a tile without loss; 0 where there is none.
    """

    frame: int
    payload: bytes
    exact: int = 0

    @property
    def size(self) -> int:
        return len(self.payload)


class Owed:
    """An update still to be encoded; the screen may be painted meanwhile.

    Any thread may encode it, and two at a time do the same work twice and no harm.
    """

    def __init__(
        self, frame: int, size_message: bytes, paintings: Sequence[Painting], *, exact: int = 0
    ) -> None:
        self._frame = frame
        self._exact = exact
        self._size_message = size_message
        self._paintings = paintings
        self._update: Update | None = None

    @property
    def work(self) -> int:
        """How many pixels have yet to be looked at."""
        return 0 if self._update is not None else sum([each.work for each in self._paintings])

    def encoded(self) -> Update:
        """The update; who asks again is given the same."""
        update = self._update
        if update is None:
            payload = self._size_message + self._pixels()
            update = self._update = Update(self._frame, payload, self._exact)
        return update

    def _pixels(self) -> bytes:
        rects = [each.encoded() for each in self._paintings]
        count = sum([each.number for each in rects])
        return framebuffer_update(count, b"".join([each.rects for each in rects])) if count else b""
