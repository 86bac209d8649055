"""One-time codes for tests: each is given out once, as each works once."""

from __future__ import annotations

from datetime import datetime

import pyotp


class Codes:
    """The codes of one account, those that work longest from now first.

    A code may wait: a program that is given one starts for seconds, and the oldest code of the
    window would have run out by then.
    """

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._given: set[int] = set()

    def next(self, now: datetime) -> str:
        """A code that is good at `now` and was not given out before."""
        step = int(now.timestamp()) // 30
        fresh = [each for each in (step, step + 1, step - 1) if each not in self._given]
        assert fresh, "more codes asked for than the window holds"
        self._given.add(fresh[0])
        return self._totp.at(fresh[0] * 30)
