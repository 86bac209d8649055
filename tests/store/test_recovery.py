"""Extensions, operations, recovery actions, agent logs and the feature: rows and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.policy.facts import FeatureState
from gateway.policy.recovery import UNSENT_STATES, ActionState
from gateway.store import Extension, LogLine, Operation, RecoveryAction, Store, agent_logs
from tests.store.samples import NOW, SUBSCRIPTION, WEB01, later


def action(action_id: str = "action-1", **changes: Any) -> RecoveryAction:
    whole = RecoveryAction(
        id=action_id,
        vm_key=WEB01.lower(),
        resource_id=WEB01,
        subscription_id=SUBSCRIPTION,
        node="AzS-ERCS01",
        kind="set_password",
        title="Reset a password",
        state=ActionState.REQUESTED,
        origin="page",
        handler="Microsoft.OSTCExtensions.VMAccessForLinux",
        extension_name="enablevmaccess",
        settings="{}",
        protected="sealed",
        consent_id=None,
        operation_id=None,
        account_id="account-contoso",
        requested_by="Contoso",
        decided_by=None,
        requested_at=NOW,
        sent_at=None,
        ended_at=None,
        steps="[]",
        error_code=None,
        message="",
        note="",
    )
    return replace(whole, **changes)


def extension(name: str = "VMAccess", **changes: Any) -> Extension:
    whole = Extension(
        id=f"extension-{name}",
        parent_id=WEB01,
        name=name,
        location="local",
        publisher="Microsoft.OSTCExtensions",
        type="VMAccessForLinux",
        version="1.5",
        auto_upgrade=True,
        force_update_tag=None,
        settings="{}",
        protected="sealed",
        provisioning_state="Creating",
        action_id="action-1",
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(whole, **changes)


async def test_an_extension_is_found_in_any_case_and_keeps_its_own(furnished: Store) -> None:
    async with furnished.unit() as unit:
        await unit.extensions.add(extension())
        await unit.extensions.add(extension("another", action_id=None))
        assert await unit.extensions.get(WEB01.upper(), "vmaccess") == extension()
        assert await unit.extensions.of_action("action-1") == extension()
        assert [each.name for each in await unit.extensions.list(WEB01)] == ["another", "VMAccess"]
        changed = extension(provisioning_state="Succeeded", changed_at=later(minutes=1))
        await unit.extensions.update(changed)
        assert await unit.extensions.get(WEB01, "VMACCESS") == changed
        await unit.extensions.remove(changed.id)
        assert await unit.extensions.get(WEB01, "VMAccess") is None
        assert await unit.extensions.list(WEB01 + "x") == ()


async def test_an_action_comes_back_as_it_was_written(furnished: Store) -> None:
    operation = Operation("op", SUBSCRIPTION, "extension.put", WEB01, "account-contoso", NOW)
    async with furnished.unit() as unit:
        await unit.operations.add(operation)
        asked = action(operation_id="op", consent_id="consent-1")
        await unit.recovery_actions.add(asked)
        assert await unit.recovery_actions.get(asked.id) == asked
        assert await unit.recovery_actions.of_operation("op") == (asked,)
        sent = replace(asked, state=ActionState.SENT, sent_at=later(seconds=1), protected=None)
        await unit.recovery_actions.update(sent)
        assert await unit.recovery_actions.get(asked.id) == sent
        assert await unit.operations.get("op") == operation
        assert await unit.operations.get("none") is None
    assert "sealed" not in repr(asked), "what is sealed is shown nowhere"
    assert "sealed" not in repr(extension())


async def test_what_waits_is_had_oldest_first_and_by_node_vm_and_consent(furnished: Store) -> None:
    rows = [
        action("b", requested_at=later(minutes=1)),
        action("a"),
        action("c", node="AzS-ERCS02"),
        action("d", consent_id="consent-1", state=ActionState.PROPOSED),
        action("e", vm_key="other"),
        action("f", state=ActionState.DONE),
    ]
    async with furnished.unit() as unit:
        for each in rows:
            await unit.recovery_actions.add(each)

        async def ids(*states: ActionState, **chosen: str) -> list[str]:
            found = await unit.recovery_actions.in_states(states, **chosen)
            return [each.id for each in found]

        assert await ids(ActionState.REQUESTED) == ["a", "c", "e", "b"]
        assert await ids(ActionState.REQUESTED, node="AzS-ERCS01") == ["a", "e", "b"]
        assert await ids(ActionState.REQUESTED, vm_key=WEB01.upper()) == ["a", "c", "b"]
        assert await ids(*UNSENT_STATES, consent_id="consent-1") == ["d"]


async def test_the_history_goes_on_where_the_page_before_ended(furnished: Store) -> None:
    rows = [action(f"action-{n}", requested_at=later(seconds=n // 2)) for n in range(7)]
    async with furnished.unit() as unit:
        for each in rows:
            await unit.recovery_actions.add(each)
        seen: list[RecoveryAction] = []
        while page := await unit.recovery_actions.history(2, before=seen[-1] if seen else None):
            seen += page
        assert sorted(each.id for each in seen) == [each.id for each in rows]
        assert seen == sorted(seen, key=lambda each: (each.requested_at, each.id), reverse=True)
        assert await unit.recovery_actions.history(9, subscription_ids=("other",)) == ()
        assert await unit.recovery_actions.history(9, with_consent=True) == ()
        mine = await unit.recovery_actions.history(9, subscription_ids=(SUBSCRIPTION.upper(),))
        assert len(mine) == 7


def line(text: str, vm_key: str = WEB01.lower(), file: str = "extension.log") -> LogLine:
    return LogLine(vm_key, "Microsoft.Compute.VMAccessAgent", "2.4.11", file, NOW, text)


async def test_a_vms_log_keeps_its_newest_lines(
    furnished: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.agent_logs.KEPT_LINES", 3)
    assert agent_logs.KEPT_LINES == 3
    async with furnished.unit() as unit:
        await unit.agent_logs.add(())
        await unit.agent_logs.add([line(f"{n}") for n in range(2)])
        await unit.agent_logs.add([line("elsewhere", "other"), line("2", file="a.log")])
        assert [x.line for x in await unit.agent_logs.list(WEB01)] == ["0", "1", "2"]
        await unit.agent_logs.add([line("3"), line("4")])
        assert [x.line for x in await unit.agent_logs.list(WEB01)] == ["2", "3", "4"]
        assert [x.line for x in await unit.agent_logs.list(WEB01, "extension.log")] == ["3", "4"]
        assert [x.line for x in await unit.agent_logs.list(WEB01, limit=1)] == ["4"]
        assert [x.line for x in await unit.agent_logs.list("other")] == ["elsewhere"]


async def test_the_features_state_is_each_subscriptions_own_until_it_is_set(store: Store) -> None:
    async with store.unit() as unit:
        assert await unit.features.state() is FeatureState.TENANT_SUBSCRIPTION_LEVEL
        for state in (FeatureState.DISABLED, FeatureState.ENABLED):
            await unit.features.set_state(state, NOW)
            assert await unit.features.state() is state
