"""Who may have something done in a guest, propose it, decide it, cancel it and see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.policy.consents import feature_enabled, may_request_consent, new_consent
from gateway.policy.facts import Actor, Consent, FeatureState, Role, Subscription, Vm
from gateway.policy.recovery import (
    ActionState,
    may_apply_extension,
    may_cancel,
    may_decide,
    may_propose,
    may_read_log,
    may_see_action,
    may_start,
)
from gateway.policy.verdict import Deny, Verdict

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
NODE = "AzS-ERCS01"
SUB = "3f1c0d9a-0000-4000-8000-0000000000aa"
VM = Vm(f"/subscriptions/{SUB}/x/web01", SUB, "web01", "linux", NODE)


def actor(role: Role, *subscriptions: str, name: str = "") -> Actor:
    who = name or role.value
    return Actor(who, who, role, frozenset(subscriptions), "192.0.2.7", "sign-in")


TENANT, STRANGER = actor(Role.TENANT, SUB), actor(Role.TENANT, "other", name="stranger")
OPERATOR, ADMIN = actor(Role.CLOUDADMIN), actor(Role.ADMIN)
CONSENT = new_consent(consent_id="c", actor=TENANT, vm=VM, reason="", now=NOW)
LATER = NOW + timedelta(hours=8)


@dataclass(frozen=True)
class Action:
    subscription_id: str = SUB
    node: str = NODE
    state: ActionState = ActionState.PROPOSED
    account_id: str = OPERATOR.account_id


def word(verdict: Verdict) -> str:
    return "missing" if isinstance(verdict, Deny) and verdict.hidden else (
        verdict.code if isinstance(verdict, Deny) else "ok"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("who", "apply", "read_log"),
    [
        (TENANT, "ok", "ok"),
        (STRANGER, "missing", "missing"),
        (OPERATOR, "NotATenant", "LogNotYours"),
        (ADMIN, "NotATenant", "ok"),
    ],
)
def test_a_vm_is_its_tenants_to_change(who: Actor, apply: str, read_log: str) -> None:
    assert word(may_apply_extension(who, VM)) == apply
    assert word(may_read_log(who, VM)) == read_log
    assert word(may_apply_extension(TENANT, None)) == "missing"
    assert word(may_read_log(ADMIN, None)) == "missing"


def test_what_is_started_under_a_consent_needs_it_to_hold_for_that_vm() -> None:
    assert word(may_start(TENANT, VM, None, NOW)) == "ok"
    assert word(may_start(TENANT, VM, CONSENT, NOW)) == "ok"
    assert word(may_start(TENANT, VM, CONSENT, LATER)) == "ConsentExpired"
    assert word(may_start(TENANT, VM, replace(CONSENT, vm_key="other"), NOW)) == "OtherVm"
    assert word(may_start(STRANGER, VM, CONSENT, NOW)) == "missing"


@pytest.mark.parametrize(
    ("who", "propose", "decide"),
    [
        (TENANT, "NotAnOperator", "ok"),
        (STRANGER, "missing", "missing"),
        (OPERATOR, "ok", "NotATenant"),
        (ADMIN, "NotAnOperator", "NotATenant"),
    ],
)
def test_operators_propose_and_tenants_decide(who: Actor, propose: str, decide: str) -> None:
    assert word(may_propose(who, CONSENT, NODE, NOW)) == propose
    assert word(may_decide(who, Action(), CONSENT, NOW)) == decide


def test_both_need_the_consent_to_hold_and_a_decision_is_made_once() -> None:
    assert word(may_propose(OPERATOR, CONSENT, NODE, LATER)) == "ConsentExpired"
    assert word(may_propose(OPERATOR, CONSENT, "elsewhere", NOW)) == "missing"
    assert word(may_decide(TENANT, Action(), CONSENT, LATER)) == "ConsentExpired"
    for state in set(ActionState) - {ActionState.PROPOSED}:
        assert word(may_decide(TENANT, Action(state=state), CONSENT, NOW)) == "NotProposed"


@pytest.mark.parametrize("consent", [CONSENT, None])
def test_who_sees_an_action(consent: Consent | None) -> None:
    def sees(who: Actor, node: str = NODE) -> str:
        return word(may_see_action(who, Action(), consent, node))

    assert (sees(TENANT), sees(ADMIN), sees(STRANGER)) == ("ok", "ok", "missing")
    # What a tenant does without a consent is no operator's to know.
    assert sees(OPERATOR) == ("ok" if consent else "missing")
    assert sees(OPERATOR, "elsewhere") == "missing"


@pytest.mark.parametrize("state", list(ActionState))
def test_who_takes_back_what(state: ActionState) -> None:
    def may(who: Actor, account_id: str = OPERATOR.account_id) -> str:
        action = Action(state=state, account_id=account_id)
        return word(may_cancel(who, action, CONSENT, NODE))

    expected = {
        ActionState.PROPOSED: "ok",
        ActionState.REQUESTED: "ok",
        ActionState.SENT: "AlreadySent",
    }.get(state, "RecoveryOver")
    assert (may(TENANT), may(ADMIN), may(STRANGER)) == (expected, expected, "missing")
    own = "NotYoursToCancel" if state is ActionState.REQUESTED else expected
    assert may(OPERATOR) == own, "until the tenant has decided"
    foreign = "NotYoursToCancel" if expected == "ok" else expected
    assert may(OPERATOR, "somebody else") == foreign


@pytest.mark.parametrize("own", [True, False, None])
def test_the_global_state_wins_over_the_subscriptions_own(own: bool | None) -> None:
    subscription = None if own is None else Subscription(SUB, enabled=own)
    expected = {
        FeatureState.TENANT_SUBSCRIPTION_LEVEL: own is True,
        FeatureState.ENABLED: True,
        FeatureState.DISABLED: False,
    }
    for state, enabled in expected.items():
        assert feature_enabled(state, subscription) is enabled
        verdict = may_request_consent(TENANT, subscription, VM, state)
        assert word(verdict) == ("ok" if enabled else "SubscriptionNotEnabled")
