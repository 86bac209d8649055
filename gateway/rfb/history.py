"""The newest frames and their encoded bytes, bounded in number and size."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from gateway.rfb.encodings.words import Words
from gateway.rfb.operations import Operation, Write
from gateway.rfb.painting import Painting
from gateway.rfb.profile import Profile
from gateway.rfb.tally import Tally

__all__ = ["MAX_BYTES", "MAX_FRAMES", "Frame", "History"]

MAX_FRAMES: Final = 64
MAX_BYTES: Final = 2 * 1024 * 1024


@dataclass(slots=True)
class Frame:
    """What one frame did; `refinement` where it only repeats pixels, without loss.

    INVARIANT: each painting was taken down while this frame was the newest.
    """

    number: int
    operations: tuple[Operation, ...]
    refinement: bool
    paintings: dict[Profile, Painting] = field(default_factory=dict)
    size: int = 0  # bytes that its paintings held when they were last weighed

    def painted_area(self, profile: Profile) -> int:
        """Pixels to send: what was written, and what was copied where CopyRect is unknown."""
        return sum(
            each.rect.area
            for each in self.operations
            if isinstance(each, Write) or not profile.copyrect
        )

    def painting(self, pixels: Words, profile: Profile, tally: Tally) -> Painting:
        """The painting for `profile`; the first is taken down from `pixels`, this frame's own."""
        painting = self.paintings.get(profile)
        if painting is None:
            painting = Painting(self.operations, pixels, profile, self.number, tally)
            self.paintings[profile] = painting
        return painting

    def rest(self) -> None:
        """It is not the newest any more: nobody makes another painting of it."""
        self.weighed()
        self.operations = tuple(
            replace(each, content=None) if isinstance(each, Write) and each.content else each
            for each in self.operations
        )

    def weighed(self) -> int:
        """How many bytes its paintings hold, now."""
        self.size = sum(each.size for each in self.paintings.values())
        return self.size

    def concerns(self, profile: Profile) -> bool:
        """Whether the frame says anything to viewers with `profile`."""
        return not self.refinement or profile.jpeg_quality is not None


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
            # Its paintings hold what they need; nobody makes another one.
            self._frames[-1].rest()
            self._held += self._frames[-1].size
        self._frames.append(frame)
        if MAX_BYTES < self._held:
            # Pixels that waited to be encoded may have become fewer bytes.
            self._held = sum(each.weighed() for each in islice(self._frames, len(self._frames) - 1))
        while MAX_FRAMES < len(self._frames) or MAX_BYTES < self._held:
            self._held -= self._frames.popleft().size

    def since(self, sent: int, profile: Profile) -> list[Frame] | None:
        """The frames after `sent` that concern `profile`; None where one cannot be replayed.

        The newest can always be: its pixels are the screen's own. An older one only from the
        painting that was taken down at its time.
        """
        frames = self._frames
        if not frames or sent + 1 < frames[0].number:
            return None
        missed = (frames[at] for at in range(sent - frames[-1].number, 0))
        wanted = [each for each in missed if each.concerns(profile)]
        if any(profile not in each.paintings for each in wanted if each is not frames[-1]):
            return None
        return wanted
