"""Template deployments: one row each, found by id, by group and by what is yet to be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.deployment.progress import DeploymentState
from gateway.store import Deployment, Store
from tests.store.samples import NOW, SUBSCRIPTION, account, later

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"


def deployment(name: str = "Mend", **changes: Any) -> Deployment:
    whole = Deployment(
        id=f"deployment-{name.lower()}",
        resource_id=f"{GROUP}/providers/Microsoft.Resources/deployments/{name}",
        subscription_id=SUBSCRIPTION,
        node="AzS-ERCS01",
        mode="Incremental",
        state=DeploymentState.RUNNING,
        parameters='{"p": {"type": "String"}}',
        outputs="{}",
        resources="[]",
        pending="sealed",
        correlation_id="c",
        account_id=account().id,
        started_at=NOW,
    )
    return replace(whole, **changes)


@pytest.fixture
async def owned(store: Store) -> Store:
    async with store.unit() as unit:
        await unit.accounts.add(account())
    return store


async def test_a_deployment_is_found_whatever_the_case_of_its_id(owned: Store) -> None:
    mend = deployment()
    async with owned.unit() as unit:
        await unit.deployments.add(mend)
        assert await unit.deployments.get(mend.resource_id.upper()) == mend
        assert await unit.deployments.by_id(mend.id) == mend
        assert await unit.deployments.get(mend.resource_id + "x") is None
    assert mend.name == "Mend"


async def test_there_is_one_of_each_name(owned: Store) -> None:
    with pytest.raises(IntegrityError):
        async with owned.unit() as unit:
            await unit.deployments.add(deployment("Mend"))
            await unit.deployments.add(deployment("MEND", id="other"))


async def test_it_moves_on_and_goes(owned: Store) -> None:
    over = deployment(state=DeploymentState.FAILED, pending=None, ended_at=later(minutes=1))
    async with owned.unit() as unit:
        await unit.deployments.add(deployment())
        await unit.deployments.add(deployment("Other"))
        await unit.deployments.update(over)
        assert await unit.deployments.by_id(over.id) == over
        assert await unit.deployments.get(deployment("Other").resource_id) == deployment("Other")
        await unit.deployments.remove(over.id)
        assert await unit.deployments.by_id(over.id) is None
        assert await unit.deployments.get(deployment("Other").resource_id) is not None


async def test_what_is_yet_to_be_seen_through_by_a_node(owned: Store) -> None:
    states = list(DeploymentState)
    async with owned.unit() as unit:
        for minutes, state in enumerate(reversed(states)):
            started = later(minutes=minutes)
            await unit.deployments.add(deployment(state.value, state=state, started_at=started))
        await unit.deployments.add(deployment("far", node="AzS-ERCS02"))
        found = await unit.deployments.active("AzS-ERCS01")
    assert [each.state for each in found] == [DeploymentState.CANCELING, DeploymentState.RUNNING]


async def test_those_of_a_group_come_newest_first(owned: Store) -> None:
    other = f"{GROUP}2/providers/Microsoft.Resources/deployments/x"
    async with owned.unit() as unit:
        await unit.deployments.add(deployment("old"))
        await unit.deployments.add(deployment("new", started_at=later(minutes=1)))
        await unit.deployments.add(deployment("x", resource_id=other))
        found = await unit.deployments.below(GROUP.upper())
    assert [each.name for each in found] == ["new", "old"]


def test_what_is_sealed_is_not_printed() -> None:
    assert "sealed" not in repr(deployment())
