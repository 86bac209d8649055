"""Throttled refusals, of which a flood may bring hundreds a second.

Each would be a flushed write under the only write lock, and hold up a revocation behind it. So the
first of a kind from an address is recorded at once, those of the next minute are counted, and the
next record bears their number.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

_SILENCE: Final = timedelta(minutes=1)
_MOST: Final = 10_000  # addresses and acts remembered; the oldest are forgotten first


class Floods:
    """INVARIANT: bounded, however many addresses a flood comes from."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], tuple[datetime, int]] = OrderedDict()

    def left_out(self, address: str, act: str, now: datetime) -> int | None:
        """How many went unrecorded before this one; None if this one shall go unrecorded too."""
        key = (address, act)
        since, count = self._seen.get(key, (None, 0))
        if since is not None and now - since < _SILENCE:
            self._seen[key] = (since, count + 1)
            return None
        self._seen[key] = (now, 0)
        self._seen.move_to_end(key)
        while _MOST < len(self._seen):
            self._seen.popitem(last=False)
        return count
