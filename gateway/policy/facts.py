"""The facts that policy judges. Frozen values; every moment is an aware UTC `datetime`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

CONSENT_LIFETIME = timedelta(hours=8)
STEP_UP_LIFETIME = timedelta(seconds=60)


class Role(StrEnum):
    """What an account is for. One account has one role."""

    CLOUDADMIN = "cloudadmin"  # the operator
    ADMIN = "admin"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as `identity` has proven it, and from where."""

    account_id: str
    name: str
    role: Role
    subscriptions: frozenset[str]  # lower-case ids; only a tenant has any
    address: str  # the workstation's IP address, as the gateway sees it
    sign_in_id: str  # the public id of the sign-in, never its secret


@dataclass(frozen=True, slots=True)
class Vm:
    """A machine that the inventory knows."""

    resource_id: str  # as the inventory spells it; compare with `key`
    subscription_id: str  # lower case
    name: str
    os: str
    node: str  # the node (ERCS) that serves its console

    @property
    def key(self) -> str:
        """Resource ids are compared without regard to case."""
        return self.resource_id.lower()


class Power(StrEnum):
    """Whether a VM can answer at all."""

    RUNNING = "running"
    PAUSED = "paused"  # it exists, and its processors stand still
    OFF = "off"
    UNKNOWN = "unknown"  # nobody to ask, or no answer: treated as running


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription and whether an admin enabled the feature for it."""

    id: str  # lower case
    enabled: bool


class FeatureState(StrEnum):
    """Where emergency access is possible at all: Microsoft.Compute.Admin's `globalFeatureState`.

    Only the first lets each subscription's own setting count.
    """

    TENANT_SUBSCRIPTION_LEVEL = "TenantSubscriptionLevel"
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class EndCode(StrEnum):
    """Why a consent, a console session, a grant or a viewer ended."""

    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # by the tenant
    REVOKED = "revoked"  # by an admin
    FINISHED = "finished"  # by the operator
    SUBSCRIPTION_DISABLED = "subscription_disabled"
    SIGN_IN_ENDED = "sign_in_ended"
    LINK_REVOKED = "link_revoked"
    WORKSTATION_REVOKED = "workstation_revoked"
    VM_GONE = "vm_gone"
    LEFT = "left"
    TOO_SLOW = "too_slow"
    MISBEHAVED = "misbehaved"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class Consent:
    """The tenant's promise for one VM."""

    id: str
    vm_key: str
    resource_id: str
    subscription_id: str
    node: str
    tenant: str  # the account's name
    tenant_account_id: str
    reason: str
    given_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    end_code: EndCode | None = None
    ended_by: str | None = None  # the account's name
    end_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One operator's rights in one console session, drawn from a consent by a step-up.

    INVARIANT: a grant never outlives its consent.
    """

    id: str
    consent_id: str
    account_id: str
    operator: str  # the account's name
    sign_in_id: str
    address: str
    stepped_up_at: datetime
    opened_at: datetime | None = None  # when its first viewer was admitted
    last_seen_at: datetime | None = None  # when its viewer was last connected
    ended_at: datetime | None = None
    end_code: EndCode | None = None


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A view-only way into a running console session."""

    id: str
    consent_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    capacity: int
    label: str
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One browser that redeemed a share link."""

    id: str
    link_id: str
    consent_id: str
    name: str  # what the guest calls themself; hostile text
    address: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Workstation:
    """An entry of a node's workstation safelist."""

    node: str
    network: IPv4Network | IPv6Network
    added_by: str
    added_at: datetime
