"""How long a sign-in counts, and what carries it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from gateway.policy.facts import Role

# `__Host-`: this host alone, the whole of it, over TLS (RFC 6265bis §4.1.3.2).
SIGN_IN_COOKIE = "__Host-eva"
VISIT_COOKIE = "__Host-eva-visit"

# Noting each use would cost each request a disk flush.
TOUCH_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A sign-in ends `overall` after it began, and `idle` after it was last used."""

    overall: timedelta
    idle: timedelta


# NIST SP 800-63B-4 §2.2.3, §2.3.3.
LIFETIMES = {
    Role.CLOUDADMIN: Lifetime(timedelta(hours=12), timedelta(minutes=15)),
    Role.ADMIN: Lifetime(timedelta(hours=12), timedelta(minutes=15)),
    Role.TENANT: Lifetime(timedelta(hours=24), timedelta(hours=1)),
}


def lifetime_of(role: Role) -> Lifetime:
    """Return how long a sign-in of that role counts."""
    return LIFETIMES[role]


class Dated(Protocol):
    """What is asked of a sign-in here."""

    @property
    def last_seen_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def idle(self) -> timedelta: ...
    @property
    def ended_at(self) -> datetime | None: ...


Over = Literal["ended", "expired", "idle"]


def why_over(sign_in: Dated, now: datetime) -> Over | None:
    """Return why a sign-in no longer counts, None while it does."""
    if sign_in.ended_at is not None:
        return "ended"
    if sign_in.expires_at <= now:
        return "expired"
    if sign_in.last_seen_at + sign_in.idle <= now:
        return "idle"
    return None


def worth_touching(sign_in: Dated, now: datetime) -> bool:
    """Return whether its last use lies back far enough to be noted anew."""
    return sign_in.last_seen_at + min(TOUCH_EVERY, sign_in.idle / 10) <= now
