"""How long a sign-in counts: 12 h and 15 min for operators, 24 h and 1 h for tenants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from gateway.identity import lifetime_of, why_over, worth_touching
from gateway.policy.facts import Role

NOW = datetime(2026, 3, 1, 14, tzinfo=UTC)


@dataclass
class SignIn:
    last_seen_at: datetime = NOW
    expires_at: datetime = NOW + timedelta(hours=12)
    idle: timedelta = timedelta(minutes=15)
    ended_at: datetime | None = None


@pytest.mark.parametrize(
    ("role", "hours", "idle_minutes"),
    [(Role.CLOUDADMIN, 12, 15), (Role.ADMIN, 12, 15), (Role.TENANT, 24, 60)],
)
def test_each_role_has_its_lifetime(role: Role, hours: int, idle_minutes: int) -> None:
    lifetime = lifetime_of(role)
    assert lifetime.overall == timedelta(hours=hours)
    assert lifetime.idle == timedelta(minutes=idle_minutes)


@pytest.mark.parametrize(
    ("sign_in", "after", "why"),
    [
        (SignIn(), timedelta(minutes=14, seconds=59), None),
        (SignIn(), timedelta(minutes=15), "idle"),
        (SignIn(last_seen_at=NOW + timedelta(hours=12)), timedelta(hours=12), "expired"),
        (SignIn(ended_at=NOW), timedelta(0), "ended"),
    ],
)
def test_a_sign_in_is_over_at_its_very_moment(
    sign_in: SignIn, after: timedelta, why: str | None
) -> None:
    assert why_over(sign_in, NOW + after) == why


def test_a_use_is_noted_every_half_minute() -> None:
    assert not worth_touching(SignIn(), NOW + timedelta(seconds=29))
    assert worth_touching(SignIn(), NOW + timedelta(seconds=30))
    assert worth_touching(SignIn(idle=timedelta(seconds=50)), NOW + timedelta(seconds=5))
