"""Rules about Resource Manager tokens: whose they may be, at which endpoint, for how long."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from gateway.policy.facts import Role
from gateway.policy.verdict import ALLOW, Deny, Verdict

ACCESS_LIFETIME = timedelta(hours=1)
DEVICE_CODE_LIFETIME = timedelta(minutes=15)
AUTHORIZATION_CODE_LIFETIME = timedelta(minutes=2)
CREDENTIAL_LIFETIME = timedelta(days=365)  # at most


class Endpoint(StrEnum):
    """A Resource Manager endpoint. Each is the audience of its own tokens."""

    TENANT = "tenant"
    ADMIN = "admin"


_BEARER = {Endpoint.TENANT: Role.TENANT, Endpoint.ADMIN: Role.ADMIN}


def may_bear_token(role: Role, endpoint: Endpoint) -> Verdict:
    """Tenants at the tenants' endpoint, admins at the admins', operators at none."""
    if role is _BEARER[endpoint]:
        return ALLOW
    if role is Role.CLOUDADMIN:
        return Deny(
            "OperatorsBearNone", "operators work in the browser and with eva-gateway, not here"
        )
    return Deny("OtherEndpoint", f"{_WHOSE[endpoint]}: this account signs in at the other one")


_WHOSE = {
    Endpoint.TENANT: "this is the tenants' endpoint",
    Endpoint.ADMIN: "this is the administrators' endpoint",
}


def access_ends(now: datetime, *, sign_in_ends: datetime, idle: timedelta) -> datetime:
    """When an access token runs out that is issued now.

    Never later than its sign-in would by itself, so that no client trusts a token that is over.
    """
    return min(now + min(ACCESS_LIFETIME, idle), sign_in_ends)
