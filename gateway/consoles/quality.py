"""What quality a viewer is painted with: what it insists on, or what its link deserves.

There are three, so that viewers share what was encoded. A viewer says its wish as the JPEG level
of RFB's quality pseudo-encodings, which every client can: 8 and 9 pin `SHARP`, 0 to 2 pin `FAST`,
what is between them leaves it to the link. Whoever offers no level is never sent any loss.
"""

from __future__ import annotations

from enum import Enum
from math import inf
from typing import Final

__all__ = ["LinkQuality", "Quality", "pinned"]

SHARP_FROM: Final = 8
FAST_UP_TO: Final = 2

# How long a screen of photos, so many bytes as BALANCED, may take to arrive on a full link.
PICTURE: Final = 128 * 1024
TOO_LONG: Final = 0.4
SOON_ENOUGH: Final = 0.3
# Seconds of round trip that count: quality cannot make up for more, nor for a satellite.
FAR: Final = 0.2

FALL_SECONDS: Final = 1.0  # so long it takes too long before the quality falls
RISE_SECONDS: Final = 5.0  # so long it must be soon enough before the quality rises
# After so long on a link that was never full, try again; twice as long after each time in vain.
FIRST_TRIAL: Final = 30.0
LAST_TRIAL: Final = 480.0


class Quality(Enum):
    """The JPEG level with which photos are painted; what stands still becomes exact in each."""

    SHARP = 8
    BALANCED = 6
    FAST = 2


def pinned(offered: int) -> Quality | None:
    """What a viewer that offers JPEG level `offered` insists on; None: let its link decide."""
    if SHARP_FROM <= offered:
        return Quality.SHARP
    return Quality.FAST if offered <= FAST_UP_TO else None


class LinkQuality:
    """`BALANCED` or `FAST`, as the link deserves; slow to change, so that it does not flap."""

    def __init__(self) -> None:
        self._quality = Quality.BALANCED
        self._unlike_since = inf  # since when the link deserves the other one
        self._trial = FIRST_TRIAL
        self._idle_since = inf  # since when it was never full

    def judged(self, rate: float, base: float, *, pressed: bool, now: float) -> Quality:
        """The quality from now on.

        `rate` in bytes per second and `base`, the shortest round trip in seconds, are what was
        measured; `pressed` says whether the link was full lately: otherwise nothing is known of it.
        """
        seconds = min(base, FAR) + PICTURE / rate if rate else 0.0
        if self._quality is Quality.BALANCED:
            if self._lasts(FALL_SECONDS, now, unlike=pressed and TOO_LONG < seconds):
                self._become(Quality.FAST)
        elif self._lasts(RISE_SECONDS, now, unlike=seconds < SOON_ENOUGH):
            self._trial = FIRST_TRIAL
            self._become(Quality.BALANCED)
        elif self._is_idle(now, pressed=pressed):
            self._trial = min(2 * self._trial, LAST_TRIAL)
            self._become(Quality.BALANCED)
        return self._quality

    def _lasts(self, seconds: float, now: float, *, unlike: bool) -> bool:
        self._unlike_since = min(self._unlike_since, now) if unlike else inf
        return self._unlike_since + seconds <= now

    def _is_idle(self, now: float, *, pressed: bool) -> bool:
        self._idle_since = inf if pressed else min(self._idle_since, now)
        return self._idle_since + self._trial <= now

    def _become(self, quality: Quality) -> None:
        self._quality = quality
        self._unlike_since = self._idle_since = inf
