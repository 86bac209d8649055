"""One-time codes against RFC 6238's own table, and by the server's clock alone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.one_time_codes import matching_step, new_code_secret, step_at
from tests.identity.people import CODE_SECRET, code_at

# RFC 6238, appendix B: the SHA-1 secret and the last six of its eight digits.
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_CODES = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")]


@pytest.mark.parametrize(("seconds", "code"), RFC_CODES)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert matching_step(RFC_SECRET, code, now) == seconds // 30 == step_at(now)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(-4, 4),
)
def test_a_code_is_good_one_step_early_or_late(now: datetime, steps: int) -> None:
    shown_at = now + timedelta(seconds=30 * steps)
    found = matching_step(CODE_SECRET, code_at(shown_at), now)
    if abs(steps) <= 1:
        assert found is not None and abs(found - step_at(now)) <= 1
    else:
        # Once in some hundred thousand draws another step's code is the same by chance.
        assert found is None or code_at(shown_at) in {
            code_at(now + timedelta(seconds=30 * near)) for near in (-1, 0, 1)
        }


def test_codes_may_be_typed_in_two_groups() -> None:
    now = datetime.fromtimestamp(59, UTC)
    assert matching_step(RFC_SECRET, "287 082", now) == 1


@given(st.text())
def test_whatever_is_typed_is_a_code_or_not(text: str) -> None:
    assert matching_step(RFC_SECRET, text, datetime.fromtimestamp(59, UTC)) in {None, 0, 1, 2}


def test_secrets_are_long_and_differ() -> None:
    one, other = new_code_secret(), new_code_secret()
    assert one != other and 20 <= len(base64.b32decode(one))
