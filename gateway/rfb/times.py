"""When the newest frames were painted: as much of it as tells what has been still for a while."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["FrameTimes"]

_FINEST: Final = 0.01  # seconds; frames nearer to each other count as the later one


class FrameTimes:
    """The times of frames, forgotten once they are older than what was asked for.

    INVARIANT: no more are kept than pass in `seconds`, one each hundredth, and one before these.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._frames: deque[tuple[int, float]] = deque()  # ascending numbers and times
        self._since = 0.0  # when the first frame came that the last entry stands for

    def add(self, frame: int, now: float) -> None:
        """The newest frame was painted."""
        frames = self._frames
        if frames and now < self._since + _FINEST:
            frames[-1] = (frame, now)
            return
        self._since = now
        frames.append((frame, now))
        while 1 < len(frames) and frames[1][1] + self._seconds <= now:
            frames.popleft()

    def still(self, now: float) -> int:
        """The newest frame that is so old; what no later one painted has been still since."""
        still = 0
        for frame, at in self._frames:
            if now < at + self._seconds:
                break
            still = frame
        return still

    def of(self, frame: int) -> float:
        """When a frame was painted, or later if that is long ago."""
        return next(at for number, at in self._frames if frame <= number)
