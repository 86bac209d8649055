"""The newest frames and their encoded bytes, bounded in number and size."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from gateway.rfb.encodings.words import Words
from gateway.rfb.operations import Copy, Operation
from gateway.rfb.painting import Painting
from gateway.rfb.profile import Profile
from gateway.rfb.tally import Tally

__all__ = ["MAX_BYTES", "MAX_FRAMES", "Frame", "History"]

MAX_FRAMES: Final = 64
MAX_BYTES: Final = 2 * 1024 * 1024


class Frame:
    """What one frame did.

    INVARIANT: each painting was taken down while this frame was the newest.
    """

    __slots__ = ("_copied", "_operations", "_written", "number", "paintings", "size")

    def __init__(self, number: int, operations: Sequence[Operation]) -> None:
        self.number = number
        self.paintings: dict[Profile, Painting] = {}
        self.size = 0  # bytes that its paintings held when they were last weighed
        self._operations = operations
        self._written = self._copied = 0  # pixels
        for each in operations:
            _, _, width, height = each.rect
            if isinstance(each, Copy):
                self._copied += width * height
            else:
                self._written += width * height

    def painted_area(self, profile: Profile) -> int:
        """Pixels to send: what was written, and what was copied where CopyRect is unknown."""
        return self._written if profile.copyrect else self._written + self._copied

    def painting(self, pixels: Words, profile: Profile, tally: Tally) -> Painting:
        """The painting for `profile`; the first is taken down from `pixels`, this frame's own."""
        painting = self.paintings.get(profile)
        if painting is None:
            painting = Painting(self._operations, pixels, profile, self.number, tally)
            self.paintings[profile] = painting
        return painting

    def rest(self) -> None:
        """It is not the newest any more: its paintings hold what they need."""
        self.weighed()
        self._operations = ()

    def weighed(self) -> int:
        """How many bytes its paintings hold, now."""
        self.size = sum([each.size for each in self.paintings.values()])
        return self.size


class History:
    """Consecutive frames up to the newest.

    INVARIANT: the frames before the newest hold at most MAX_BYTES; the newest may bear its own.
    """

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._held = 0  # bytes of the frames before the newest, at most

    def clear(self) -> None:
        self._frames.clear()
        self._held = 0

    def add(self, frame: Frame) -> None:
        """Keep one more frame, and forget the oldest where there are too many or too much."""
        if self._frames:
            # Nobody makes another painting of it.
            self._frames[-1].rest()
            self._held += self._frames[-1].size
        self._frames.append(frame)
        if MAX_BYTES < self._held:
            # Pixels that waited to be encoded may have become fewer bytes.
            self._held = sum(each.weighed() for each in islice(self._frames, len(self._frames) - 1))
        while MAX_FRAMES < len(self._frames) or MAX_BYTES < self._held:
            self._held -= self._frames.popleft().size

    def since(self, sent: int, profile: Profile) -> list[Frame] | None:
        """The frames after `sent`; None where one cannot be replayed to viewers with `profile`.

        The newest can always be: its pixels are the screen's own. An older one only from the
        painting that was taken down at its time.
        """
        frames = self._frames
        if not frames or sent + 1 < frames[0].number:
            return None
        newest = frames[-1]
        if sent + 1 == newest.number:
            return [newest]
        missed = [frames[at] for at in range(sent - newest.number, 0)]
        return missed if all(profile in each.paintings for each in missed[:-1]) else None
