"""Values for the store's tests, each whole and each a little different."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.policy.facts import CONSENT_LIFETIME, Consent, Grant, Role, ShareLink, Visit
from gateway.store import Account, AuditEntry, ConsoleRecord, SetupLink, SignIn, Store

NOW = datetime(2026, 3, 1, 14, 2, 3, 456789, tzinfo=UTC)
SUBSCRIPTION = "3f1c0d9a-0000-4000-8000-0000000000aa"
WEB01 = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/x/virtualMachines/web01"


def later(**span: float) -> datetime:
    return NOW + timedelta(**span)


def account(name: str = "Contoso", **changes: Any) -> Account:
    whole = Account(
        id=f"account-{name.lower()}",
        name=name,
        role=Role.TENANT,
        password_hash="$argon2id$…",
        code_secret=None,
        subscriptions=frozenset({SUBSCRIPTION}),
        disabled=False,
        created_at=NOW,
    )
    return replace(whole, **changes)


def consent(consent_id: str = "consent-1", **changes: Any) -> Consent:
    given_at = changes.get("given_at", NOW)
    whole = Consent(
        id=consent_id,
        vm_key=WEB01.lower(),
        resource_id=WEB01,
        subscription_id=SUBSCRIPTION,
        node="AzS-ERCS01",
        tenant="Contoso",
        tenant_account_id="account-contoso",
        reason="no network since the firewall change",
        given_at=given_at,
        expires_at=given_at + CONSENT_LIFETIME,
    )
    return replace(whole, **changes)


def grant(grant_id: str = "grant-1", **changes: Any) -> Grant:
    whole = Grant(
        id=grant_id,
        consent_id="consent-1",
        account_id="account-ana",
        operator="Ana",
        sign_in_id="sign-in-1",
        address="192.0.2.7",
        stepped_up_at=NOW,
    )
    return replace(whole, **changes)


def link(link_id: str = "link-1", **changes: Any) -> ShareLink:
    whole = ShareLink(
        id=link_id,
        consent_id="consent-1",
        created_by="Ana",
        created_at=NOW,
        expires_at=later(hours=1),
        capacity=3,
        label="for the network team",
    )
    return replace(whole, **changes)


def visit(visit_id: str = "visit-1", **changes: Any) -> Visit:
    whole = Visit(
        id=visit_id,
        link_id="link-1",
        consent_id="consent-1",
        name="<b>Bo</b>",
        address="2001:db8::1",
        created_at=NOW,
        expires_at=later(hours=1),
    )
    return replace(whole, **changes)


def sign_in(sign_in_id: str = "sign-in-1", **changes: Any) -> SignIn:
    whole = SignIn(
        id=sign_in_id,
        account_id="account-ana",
        kind="browser",
        created_at=NOW,
        last_seen_at=NOW,
        expires_at=later(hours=12),
        idle=timedelta(minutes=15),
        stepped_up_at=None,
        address="192.0.2.7",
        user_agent="Mozilla/5.0",
    )
    return replace(whole, **changes)


def setup_link(link_id: str = "setup-1", **changes: Any) -> SetupLink:
    return replace(SetupLink(link_id, "account-ana", later(days=1)), **changes)


def console(session_id: str = "session-1", **changes: Any) -> ConsoleRecord:
    return replace(ConsoleRecord(session_id, "consent-1", NOW), **changes)


def entry(target: str = WEB01, **changes: Any) -> AuditEntry:
    whole = AuditEntry(
        at=NOW,
        actor="Ana",
        role="cloudadmin",
        address="192.0.2.7",
        action="console.open",
        target=target,
        outcome="allowed",
        details={"grant": "grant-1", "attempt": 1, "again": False, "link": None},
    )
    return replace(whole, **changes)


async def furnish(store: Store) -> None:
    """Two accounts, one consent, one grant and one share link to hang other rows on."""
    async with store.unit() as unit:
        await unit.accounts.add(account())
        await unit.accounts.add(account("Ana", role=Role.CLOUDADMIN, subscriptions=frozenset()))
        await unit.consents.add(consent())
        await unit.grants.add(grant())
        await unit.links.add(link(), "digest-of-link-1")
