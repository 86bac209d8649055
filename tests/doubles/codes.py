"""One-time codes for tests: each is given out once, as each works once."""

from __future__ import annotations

from datetime import datetime

import pyotp


class Codes:
    """The codes of one account, oldest first, as far as the window of one step either side goes."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._given = 0

    def next(self, now: datetime) -> str:
        """A code that is good at `now` and was not given out before."""
        step = int(now.timestamp()) // 30
        chosen = max(step - 1, self._given + 1)
        assert chosen <= step + 1, "more codes asked for than the window holds"
        self._given = chosen
        return self._totp.at(chosen * 30)
