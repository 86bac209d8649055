"""An identity on a clock that the test moves, with accounts in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from gateway.identity import Identity
from tests.identity.people import People

SECRET_KEY = b"0123456789abcdef0123456789abcdef"


@dataclass
class Clock:
    """The time, as the test would have it."""

    now: datetime = datetime(2026, 3, 1, 14, 2, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(clock: Clock) -> Identity:
    return Identity(SECRET_KEY, clock=clock)


@pytest.fixture
async def people(identity: Identity) -> People:
    return await People.known_to(identity)
