"""The shapes of the API's answers: what `answers` makes, and what the API's description shows.

Moments are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Any, NotRequired

# pydantic reads them, and on Python 3.11 it takes no other TypedDict.
from typing_extensions import TypedDict


class Account(TypedDict):
    id: str
    name: str
    role: str
    subscriptions: list[str]
    disabled: bool
    set_up: bool
    created_at: str | None


class Accounts(TypedDict):
    accounts: list[Account]


class InvitedAccount(Account):
    set_up_link: str  # said once


class SignIn(TypedDict):
    id: str
    kind: str
    created_at: str | None
    last_seen_at: str | None
    expires_at: str | None
    idle_seconds: int
    address: str


class NamedSignIn(SignIn):
    name: str
    role: str


class SignIns(TypedDict):
    sign_ins: list[NamedSignIn]


class NewSignIn(SignIn):
    account: Account
    token: str  # said once


class CurrentSignIn(SignIn):
    account: Account
    node: str


class Credential(TypedDict):
    client_id: str
    account: str
    role: str
    label: str
    state: str  # active, expired, revoked
    created_by: str
    created_at: str | None
    expires_at: str | None
    revoked_at: str | None


class Credentials(TypedDict):
    credentials: list[Credential]


class NewCredential(Credential):
    client_secret: str  # said once
    tenant_id: str


class RevokedCredential(TypedDict):
    client_id: str
    sign_ins_ended: int


class Subscription(TypedDict):
    id: str
    enabled: bool


class Subscriptions(TypedDict):
    subscriptions: list[Subscription]


class Workstation(TypedDict):
    node: str
    network: str
    added_by: str
    added_at: str | None


class Safelist(TypedDict):
    node: str
    workstations: list[Workstation]


class RevokedWorkstation(TypedDict):
    node: str
    network: str


class Consent(TypedDict):
    ERCSName: str  # as the seed spells it: the node to which the operator connects
    id: str
    resource_id: str
    subscription_id: str
    tenant: str
    reason: str
    given_at: str | None
    expires_at: str | None
    active: bool
    ended_at: str | None
    end_code: str | None
    ended_by: str | None
    end_reason: str | None


class Consents(TypedDict):
    consents: list[Consent]


class RecoveryStep(TypedDict):
    key: str
    title: str
    state: str  # waiting, running, done, failed, skipped, unknown
    began_at: str | None
    ended_at: str | None
    message: str


class Recovery(TypedDict):
    id: str
    resource_id: str
    kind: str
    title: str
    state: str  # proposed, requested, sent, done, failed, unknown, cancelled, declined
    origin: str  # arm, page, proposal
    handler: str
    extension_name: str
    consent_id: str | None
    account: str | None  # never for an operator
    requested_by: str
    decided_by: str | None
    note: str
    requested_at: str | None
    sent_at: str | None
    ended_at: str | None
    error_code: str | None
    message: str
    next_step: str
    steps: list[RecoveryStep]
    may_cancel: bool
    may_decide: bool


class Recoveries(TypedDict):
    recoveries: list[Recovery]


class AgentLogLine(TypedDict):
    file: str
    handler: str
    version: str
    at: str | None
    line: str


class AgentLog(TypedDict):
    lines: list[AgentLogLine]


class Console(TypedDict):
    page: str
    stream: str
    ticket: str
    token: str
    consent_id: str
    grant_id: str
    resource_id: str
    node: str
    expires_at: str | None
    connect_within: int
    return_within: int


class Ticket(TypedDict):
    ticket: str
    consent_id: str


class Sessions(TypedDict):
    sessions: list[dict[str, Any]]


class AuditRecord(TypedDict):
    seq: int
    at: str
    actor: str
    role: str
    address: str
    action: str
    target: str
    outcome: str
    code: str
    reason: str
    details: dict[str, Any]
    prev_hash: str
    hash: str


class AuditPage(TypedDict):
    records: list[AuditRecord]
    next: int | None


class Verification(TypedDict):
    intact: bool
    seq: NotRequired[int]
    why: NotRequired[str]
    count: NotRequired[int]
    head: NotRequired[str]


class Failure(TypedDict):
    code: str
    message: str


class Failed(TypedDict):
    """What is answered where a request cannot be carried out."""

    error: Failure
