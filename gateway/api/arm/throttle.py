"""How many requests a client of Resource Manager may make: clients wait as `Retry-After` says."""

from __future__ import annotations

from datetime import datetime

from gateway.errors import Throttled
from gateway.identity.throttle import Windows, address_key

PER_SIGN_IN = "200 per 10 seconds"
PER_ADDRESS = "400 per 10 seconds"  # several people may share one


class RequestThrottle:
    """Counts requests per address, whoever asks, and per sign-in."""

    def __init__(self, per_sign_in: str = PER_SIGN_IN, per_address: str = PER_ADDRESS) -> None:
        self._sign_ins = Windows(per_sign_in)
        self._addresses = Windows(per_address)

    def from_address(self, address: str, now: datetime) -> None:
        """Raises: Throttled."""
        self._count(self._addresses, now, address_key(address))

    def from_sign_in(self, sign_in_id: str, now: datetime) -> None:
        """Raises: Throttled."""
        self._count(self._sign_ins, now, sign_in_id)

    @staticmethod
    def _count(windows: Windows, now: datetime, key: str) -> None:
        if not windows.hit(now, key):
            raise Throttled(windows.seconds_left(now, key))
