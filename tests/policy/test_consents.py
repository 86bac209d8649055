"""Consents: who gives, sees and ends one, and for how long it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.consents import (
    consent_active,
    consent_end,
    end_code_for,
    may_end_consent,
    may_request_consent,
    may_see,
    new_consent,
    subscription_id,
)
from gateway.policy.facts import CONSENT_LIFETIME, Actor, EndCode, Role, Subscription, Vm
from gateway.policy.verdict import ALLOW, Deny, Verdict
from tests.policy.samples import (
    ADA,
    CONSENT,
    CONTOSO,
    ENABLED,
    FABRIKAM,
    NODE,
    NOW,
    OLGA,
    THEO,
    TINA,
    WEB01,
)


def code(verdict: Verdict) -> str:
    return verdict.code if isinstance(verdict, Deny) else "ok"


@pytest.mark.parametrize(
    ("actor", "subscription", "vm", "expected"),
    [
        (TINA, ENABLED, WEB01, "ok"),
        (THEO, ENABLED, WEB01, "NoSuchVm"),
        (TINA, ENABLED, None, "NoSuchVm"),
        (TINA, None, WEB01, "SubscriptionNotEnabled"),
        (TINA, Subscription(CONTOSO, enabled=False), WEB01, "SubscriptionNotEnabled"),
        (TINA, Subscription(FABRIKAM, enabled=True), WEB01, "SubscriptionNotEnabled"),
        (OLGA, ENABLED, WEB01, "NotATenant"),
        (ADA, ENABLED, WEB01, "NotATenant"),
    ],
)
@pytest.mark.rule(3)
def test_only_a_tenant_of_an_enabled_subscription_consents(
    actor: Actor, subscription: Subscription | None, vm: Vm | None, expected: str
) -> None:
    assert code(may_request_consent(actor, subscription, vm)) == expected


def test_a_foreign_vm_answers_as_a_missing_one() -> None:
    foreign = may_request_consent(THEO, ENABLED, WEB01)
    missing = may_request_consent(THEO, None, None)
    assert foreign == missing
    assert isinstance(missing, Deny)
    assert missing.hidden


@pytest.mark.rule(2)
@given(st.timedeltas(timedelta(0), timedelta(days=2)))
def test_a_consent_holds_eight_hours_to_the_microsecond(later: timedelta) -> None:
    holds = later < timedelta(hours=8)
    assert (consent_active(CONSENT, NOW + later) == ALLOW) == holds
    assert (consent_end(CONSENT, NOW + later) is None) == holds


@pytest.mark.rule(2)
def test_eight_hours_are_over_when_they_are_over() -> None:
    assert CONSENT.expires_at == NOW + CONSENT_LIFETIME
    assert code(consent_active(CONSENT, CONSENT.expires_at)) == "ConsentExpired"
    assert consent_end(CONSENT, CONSENT.expires_at) is EndCode.EXPIRED
    assert consent_active(CONSENT, CONSENT.expires_at - timedelta(microseconds=1)) == ALLOW


def test_an_ended_consent_says_why_even_after_its_eight_hours() -> None:
    ended = replace(CONSENT, ended_at=NOW, end_code=EndCode.WITHDRAWN)
    later = CONSENT.expires_at + timedelta(days=1)
    assert consent_end(ended, later) is EndCode.WITHDRAWN
    assert code(consent_active(ended, NOW)) == "ConsentEnded"


def test_a_consent_names_the_node_that_serves_the_vm() -> None:
    made = new_consent(consent_id="x", actor=TINA, vm=WEB01, reason="r", now=NOW)
    assert (made.node, made.vm_key, made.tenant) == (NODE, WEB01.resource_id.lower(), "tina")


@pytest.mark.parametrize(
    ("actor", "node", "expected"),
    [
        (TINA, NODE, "ok"),
        (TINA, "elsewhere", "ok"),
        (THEO, NODE, "NoSuchConsent"),
        (OLGA, NODE, "ok"),
        (OLGA, "elsewhere", "NoSuchConsent"),
        (ADA, "elsewhere", "ok"),
        # Subscriptions are a tenant's: an operator who has one sees no more by it.
        (replace(OLGA, subscriptions=frozenset({CONTOSO})), "elsewhere", "NoSuchConsent"),
    ],
)
def test_who_sees_a_consent(actor: Actor, node: str, expected: str) -> None:
    assert code(may_see(actor, CONSENT, node)) == expected
    assert code(may_end_consent(actor, CONSENT, node, NOW)) == expected


def test_a_consent_ends_once() -> None:
    ended = replace(CONSENT, ended_at=NOW, end_code=EndCode.REVOKED)
    assert code(may_end_consent(TINA, ended, NODE, NOW)) == "ConsentEnded"
    assert code(may_end_consent(TINA, CONSENT, NODE, CONSENT.expires_at)) == "ConsentExpired"
    assert code(may_end_consent(THEO, ended, NODE, NOW)) == "NoSuchConsent"


def test_an_end_is_called_by_who_ends() -> None:
    assert [end_code_for(role) for role in (Role.TENANT, Role.ADMIN, Role.CLOUDADMIN)] == [
        EndCode.WITHDRAWN,
        EndCode.REVOKED,
        EndCode.FINISHED,
    ]


@given(st.uuids(), st.booleans())
def test_a_guid_is_a_subscription_id_in_any_case(guid: object, upper: bool) -> None:
    text = str(guid).upper() if upper else str(guid)
    assert subscription_id(text) == str(guid)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "contoso",
        CONTOSO.replace("-", ""),
        f"{{{CONTOSO}}}",
        f"urn:uuid:{CONTOSO}",
        f" {CONTOSO}",
        f"{CONTOSO}\n",
        CONTOSO[:-1],
        CONTOSO[:-1] + "g",
        CONTOSO.replace("1", "١"),  # an Arabic-Indic digit, which int() would take
    ],
)
def test_only_a_plain_guid_is_a_subscription_id(text: str) -> None:
    assert subscription_id(text) is None


@given(st.text())
def test_any_text_has_a_subscription_id_or_none(text: str) -> None:
    found = subscription_id(text)
    assert found is None or found == text.lower()
