"""Facts to judge: a tenant's VM, the people around it, a consent, a grant, a link, a visit."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network

from gateway.policy.consents import new_consent
from gateway.policy.facts import Actor, Grant, Role, ShareLink, Subscription, Visit, Vm, Workstation

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
NODE = "AzS-ERCS01"
CONTOSO = "5f2a9c1e-0d4b-4c3a-9e8f-1a2b3c4d5e6f"
FABRIKAM = "b7d1e3f5-2a4c-4e6f-8a1b-3c5d7e9f1a2b"
PLACE = "10.0.0.7"


def person(name: str, role: Role, *subscriptions: str, address: str = PLACE) -> Actor:
    return Actor(f"{name}-id", name, role, frozenset(subscriptions), address, f"{name}-sign-in")


TINA = person("tina", Role.TENANT, CONTOSO)
THEO = person("theo", Role.TENANT, FABRIKAM)
OLGA = person("olga", Role.CLOUDADMIN)
OSCAR = person("oscar", Role.CLOUDADMIN)
ADA = person("ada", Role.ADMIN)

WEB01 = Vm(
    f"/subscriptions/{CONTOSO}/resourceGroups/Prod/providers/Microsoft.Compute/virtualMachines/web01",
    CONTOSO,
    "web01",
    "linux",
    NODE,
)
ENABLED = Subscription(CONTOSO, enabled=True)
SAFELIST = (Workstation(NODE, ip_network("10.0.0.0/24"), "ada", NOW),)
CONSENT = new_consent(consent_id="c", actor=TINA, vm=WEB01, reason="locked out", now=NOW)
GRANT = Grant(
    id="g",
    consent_id="c",
    account_id=OLGA.account_id,
    operator=OLGA.name,
    sign_in_id=OLGA.sign_in_id,
    address=PLACE,
    stepped_up_at=NOW,
)
LINK = ShareLink(
    id="l",
    consent_id="c",
    created_by="olga",
    created_at=NOW,
    expires_at=CONSENT.expires_at,
    capacity=2,
    label="",
)
VISIT = Visit("v", "l", "c", "Gus", "203.0.113.5", NOW, CONSENT.expires_at)
