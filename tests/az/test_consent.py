"""Emergency VM Access as az asks for it (facts T13, T14)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from gateway.demo import CONTOSO
from tests.az.conftest import Az, Gate, Ran

FEATURE = (
    "/subscriptions/{}/providers/Microsoft.Compute.Admin/locations/local"
    "/features/Microsoft.Compute.EmergencyVMAccess"
)


def post(az: Az, path: str, version: str, body: dict[str, str] | None = None) -> Ran:
    more = ["--body", json.dumps(body)] if body is not None else []
    return az("rest", "--method", "post", "--url", f"{path}?api-version={version}", *more)


def enable(az: Az, vm: str) -> Ran:
    return post(az, f"{vm}/enableVmAccess", "2020-06-01")


def act(admin: Az, action: str, body: dict[str, str]) -> Ran:
    feature = FEATURE.format("{subscriptionId}")
    ran = post(admin, f"{feature}/{action}", "2020-11-01", body)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture
def web01(gate: Gate, tenant: Az) -> Iterator[str]:
    vm = gate.vm("web01")
    yield vm
    post(tenant, f"{vm}/disableVmAccess", "2020-06-01")


def test_the_consent_names_the_operators_node(gate: Gate, tenant: Az, web01: str) -> None:
    said = enable(tenant, web01).json
    assert said["ERCSName"] == gate.standing.gateway.settings.node
    assert enable(tenant, web01).json == said  # asking again does not extend it


def test_an_admin_decides_where_it_is_possible(tenant: Az, admin: Az, web01: str) -> None:
    own = {"TenantSubscriptionId": CONTOSO}
    act(admin, "disableTenantSubscriptionFeature", own)
    refused = enable(tenant, web01)
    assert refused.code == 1
    assert "OperationNotAllowed" in refused.err
    assert (
        "The Emergency VM Access feature is not enabled for subscription "
        f"'{CONTOSO}'" in refused.err
    )
    act(admin, "updateGlobalFeatureSettings", {"globalFeatureState": "Enabled"})
    assert enable(tenant, web01).json["ERCSName"]
    act(admin, "updateGlobalFeatureSettings", {"globalFeatureState": "Disabled"})
    assert enable(tenant, web01).code == 1
    act(admin, "updateGlobalFeatureSettings", {"globalFeatureState": "TenantSubscriptionLevel"})
    act(admin, "enableTenantSubscriptionFeature", own)
    assert enable(tenant, web01).json["ERCSName"]


def test_a_subscription_that_is_no_guid_is_refused(admin: Az) -> None:
    feature = FEATURE.format("{subscriptionId}")
    path = f"{feature}/enableTenantSubscriptionFeature"
    ran = post(admin, path, "2020-11-01", {"TenantSubscriptionId": "mine"})
    assert ran.code == 1
    assert "Bad Request" in ran.err


@pytest.mark.parametrize(
    "named",
    [
        ["--ids", "{id}", "--api-version", "2020-06-01"],
        ["--ids", "{id}"],
        ["-g", "{group}", "-n", "web01", "--resource-type", "Microsoft.Compute/virtualMachines",
         "--api-version", "2020-06-01"],
    ],
    ids=["by its id", "without a version", "by its names"],
)  # fmt: skip
def test_invoke_action_consents_however_the_vm_is_named(
    gate: Gate, tenant: Az, web01: str, named: list[str]
) -> None:
    """It always prints an empty object: az itself drops what an action answers."""
    group = web01.split("/")[4]
    words = [word.format(id=web01, group=group) for word in named]
    ran = tenant.ok("resource", "invoke-action", "--action", "enableVmAccess", *words)
    assert ran.json == {}
    assert any(c.resource_id == web01 for c in gate.run(active(gate)))


async def active(gate: Gate) -> tuple[object, ...]:
    services = gate.standing.gateway.services
    async with services.store.reading() as unit:
        return await unit.consents.active(services.clock())
