"""Rules about Resource Manager tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.facts import Role
from gateway.policy.tokens import ACCESS_LIFETIME, Endpoint, access_ends, may_bear_token
from gateway.policy.verdict import Allow, Deny

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)

# Every role at every endpoint: no cell is left to chance.
TABLE = {
    (Role.TENANT, Endpoint.TENANT): None,
    (Role.TENANT, Endpoint.ADMIN): "OtherEndpoint",
    (Role.ADMIN, Endpoint.TENANT): "OtherEndpoint",
    (Role.ADMIN, Endpoint.ADMIN): None,
    (Role.CLOUDADMIN, Endpoint.TENANT): "OperatorsBearNone",
    (Role.CLOUDADMIN, Endpoint.ADMIN): "OperatorsBearNone",
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("endpoint", Endpoint)
def test_each_role_has_tokens_at_its_own_endpoint_alone(role: Role, endpoint: Endpoint) -> None:
    verdict = may_bear_token(role, endpoint)
    assert isinstance(verdict, Allow | Deny)
    assert getattr(verdict, "code", None) == TABLE[role, endpoint]


@given(
    left=st.timedeltas(timedelta(), timedelta(days=2)),
    idle=st.timedeltas(timedelta(seconds=1), timedelta(days=1)),
)
def test_an_access_token_outlives_neither_hour_nor_sign_in(
    left: timedelta, idle: timedelta
) -> None:
    ends = access_ends(NOW, sign_in_ends=NOW + left, idle=idle)
    assert ends <= min(NOW + ACCESS_LIFETIME, NOW + left, NOW + idle)
    assert ends in {NOW + ACCESS_LIFETIME, NOW + left, NOW + idle}
