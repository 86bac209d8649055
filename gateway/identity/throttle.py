"""Brute force made slow, without letting anybody lock somebody else out (ASVS 6.1.1, 6.3.1).

Attempts are counted before they are judged, so that a hundred at once are no way round. Counts
live in memory: a restart forgets them, a second node has its own. `limits` judges the moving
windows; how many are kept, and by whose clock, is ours.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from limits import RateLimitItem, parse
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from gateway.errors import Throttled

PER_NAME_AND_ADDRESS = "5 per 15 minutes"
PER_ADDRESS = "20 per 15 minutes"
PER_NAME = "10 per 15 minutes"  # above it, the name is under attack
MAX_KEYS = 20_000  # of each kind: some 10 MB at worst


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted. `attempts` are those with this name from this address."""

    name: str
    address: str
    attempts: int
    under_attack: bool


class SignInThrottle:
    """Counts attempts to prove who one is: per name and address, per address, per name."""

    def __init__(self) -> None:
        self._pairs = Windows(PER_NAME_AND_ADDRESS)
        self._addresses = Windows(PER_ADDRESS)
        self._names = Windows(PER_NAME)

    def attempt(self, name: str, address: str, now: datetime) -> Attempt:
        """Count an attempt before anything else is done for it.

        Raises: Throttled where the address tried too often, with this name or with any.
        """
        name, address = name_key(name), address_key(address)
        # The address comes first: whoever is stopped here makes no new keys.
        self._addresses.refuse_if_full(now, address)
        self._pairs.refuse_if_full(now, name, address)
        self._addresses.hit(now, address)
        self._pairs.hit(now, name, address)
        under_attack = not self._names.hit(now, name)
        return Attempt(name, address, self._pairs.count(now, name, address), under_attack)

    def spare_the_attacked(self, attempt: Attempt, now: datetime, *, code_matches: bool) -> None:
        """While guesses at a name come from everywhere, let each address guess once.

        A valid one-time code lifts that: the account's owner is not locked out by strangers, and a
        stranger gains nothing that a first guess did not have.
        Raises: Throttled.
        """
        if attempt.under_attack and 1 < attempt.attempts and not code_matches:
            raise Throttled(self._names.seconds_left(now, attempt.name))

    def succeeded(self, attempt: Attempt, now: datetime) -> None:
        """Forget an attempt that proved right, and the slips before it.

        What else this address or others tried stays counted: signing in to one's own account
        buys no guesses at another.
        """
        self._pairs.clear(attempt.name, attempt.address)
        self._addresses.take_back(now, attempt.address)
        if not attempt.under_attack:
            self._names.take_back(now, attempt.name, count=attempt.attempts)


class Misses:
    """Counts misses at random secrets, such as share links, per address."""

    def __init__(self, rate: str = "20 per 1 minute") -> None:
        self._addresses = Windows(rate)

    def check(self, address: str, now: datetime) -> None:
        """Raises: Throttled where the address missed too often."""
        self._addresses.refuse_if_full(now, address_key(address))

    def missed(self, address: str, now: datetime) -> None:
        """Count a miss."""
        self._addresses.hit(now, address_key(address))


class Windows:
    """Moving windows of one rate, by key."""

    def __init__(self, rate: str) -> None:
        self._rate: RateLimitItem = parse(rate)
        self._storage = BoundedStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def hit(self, now: datetime, *key: str) -> bool:
        """Count one: False where the window is full, and then nothing is counted."""
        self._storage.now = now.timestamp()
        return self._limiter.hit(self._rate, *key)

    def count(self, now: datetime, *key: str) -> int:
        """Return how many the window holds."""
        self._storage.now = now.timestamp()
        return self._rate.amount - self._limiter.get_window_stats(self._rate, *key).remaining

    def refuse_if_full(self, now: datetime, *key: str) -> None:
        """Raises: Throttled where the window is full."""
        self._storage.now = now.timestamp()
        if not self._limiter.test(self._rate, *key):
            raise Throttled(self.seconds_left(now, *key))

    def seconds_left(self, now: datetime, *key: str) -> int:
        """Return after how many whole seconds there is room again."""
        self._storage.now = now.timestamp()
        reset = self._limiter.get_window_stats(self._rate, *key).reset_time
        return max(1, math.ceil(reset - now.timestamp()))

    def take_back(self, now: datetime, *key: str, count: int = 1) -> None:
        """Uncount the newest."""
        self._storage.now = now.timestamp()
        self._storage.take_back(self._rate.key_for(*key), count)

    def clear(self, *key: str) -> None:
        """Uncount all."""
        self._storage.clear(self._rate.key_for(*key))


class BoundedStorage(Storage, MovingWindowSupport):
    """Windows for `limits` that keep to `MAX_KEYS` and to the time that they are told.

    INVARIANT: a window holds no more moments than its limit, and the longest untouched goes first.
    """

    STORAGE_SCHEME = None
    now = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._windows: OrderedDict[str, list[float]] = OrderedDict()

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        window = self._current(key, expiry)
        if limit < len(window) + amount:
            return False
        self._windows[key] = [*window, *[self.now] * amount]
        self._windows.move_to_end(key)
        if MAX_KEYS < len(self._windows):
            self._windows.popitem(last=False)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        window = self._current(key, expiry)
        return (window[0] if window else self.now), len(window)

    def take_back(self, key: str, count: int) -> None:
        """Drop the newest moments of a window."""
        if window := self._windows.get(key):
            del window[-count:]

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    def reset(self) -> int | None:
        count = len(self._windows)
        self._windows.clear()
        return count

    def check(self) -> bool:
        return True

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def _current(self, key: str, expiry: int) -> list[float]:
        return [moment for moment in self._windows.get(key, ()) if self.now - expiry < moment]

    # `limits` asks every storage for fixed windows too; nobody here uses them.
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError


def name_key(name: str) -> str:
    """Return a key of fixed size for what somebody typed as a name."""
    folded = name.casefold().encode("utf-8", "surrogatepass")
    return hashlib.sha256(folded).hexdigest()


def address_key(address: str) -> str:
    """Return whom an address stands for: an IPv6 customer has a whole /64."""
    try:
        found = ip_address(address)
    except ValueError:
        return name_key(address)
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{found.packed[:8].hex()}::"
    return str(found)
