"""How the gateway's values look in JSON. Moments are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gateway.api import shapes
from gateway.policy.consents import consent_end
from gateway.policy.facts import Consent, Subscription, Workstation

if TYPE_CHECKING:
    from gateway.store.accounts import Account
    from gateway.store.audit_chain import AuditRecord
    from gateway.store.client_credentials import NamedCredential
    from gateway.store.sign_ins import SignIn

Json = dict[str, Any]


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="seconds")


def of_account(account: Account) -> shapes.Account:
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role.value,
        "subscriptions": sorted(account.subscriptions),
        "disabled": account.disabled,
        "set_up": account.password_hash is not None,
        "created_at": moment(account.created_at),
    }


def of_sign_in(sign_in: SignIn) -> shapes.SignIn:
    return {
        "id": sign_in.id,
        "kind": sign_in.kind,
        "created_at": moment(sign_in.created_at),
        "last_seen_at": moment(sign_in.last_seen_at),
        "expires_at": moment(sign_in.expires_at),
        "idle_seconds": int(sign_in.idle.total_seconds()),
        "address": sign_in.address,
    }


def of_credential(named: NamedCredential, now: datetime) -> shapes.Credential:
    credential = named.credential
    over = "expired" if credential.expires_at <= now else "active"
    return {
        "client_id": credential.id,
        "account": named.name,
        "role": named.role.value,
        "label": credential.label,
        "state": "revoked" if credential.revoked_at is not None else over,
        "created_by": credential.created_by,
        "created_at": moment(credential.created_at),
        "expires_at": moment(credential.expires_at),
        "revoked_at": moment(credential.revoked_at),
    }


def of_subscription(subscription: Subscription) -> shapes.Subscription:
    return {"id": subscription.id, "enabled": subscription.enabled}


def of_workstation(workstation: Workstation) -> shapes.Workstation:
    return {
        "node": workstation.node,
        "network": str(workstation.network),
        "added_by": workstation.added_by,
        "added_at": moment(workstation.added_at),
    }


def of_consent(consent: Consent, now: datetime) -> shapes.Consent:
    """`ERCSName` is spelled as the seed spells it: the node to which the operator connects."""
    end = consent_end(consent, now)
    return {
        "ERCSName": consent.node,
        "id": consent.id,
        "resource_id": consent.resource_id,
        "subscription_id": consent.subscription_id,
        "tenant": consent.tenant,
        "reason": consent.reason,
        "given_at": moment(consent.given_at),
        "expires_at": moment(consent.expires_at),
        "active": end is None,
        "ended_at": moment(consent.ended_at),
        "end_code": end and end.value,
        "ended_by": consent.ended_by,
        "end_reason": consent.end_reason,
    }


def of_audit_record(record: AuditRecord) -> shapes.AuditRecord:
    return {
        "seq": record.seq,
        "at": record.at,
        "actor": record.actor,
        "role": record.role,
        "address": record.address,
        "action": record.action,
        "target": record.target,
        "outcome": record.outcome,
        "code": record.code,
        "reason": record.reason,
        "details": dict(record.facts),
        "prev_hash": record.prev_hash,
        "hash": record.hash,
    }
