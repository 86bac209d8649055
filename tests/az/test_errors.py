"""What az says, and exits with, where something is not so (facts T19)."""

from __future__ import annotations

from pathlib import Path

from gateway.demo import FABRIKAM
from tests.az.conftest import Az, Gate

FOREIGN = (
    f"/subscriptions/{FABRIKAM}/resourceGroups/demo/providers/Microsoft.Compute/virtualMachines/x"
)


def test_a_foreign_subscription_is_none_of_ours(gate: Gate, tenant: Az) -> None:
    """az asks for its own subscriptions first; with a full address it cannot know."""
    url = f"{gate.base}{FOREIGN}?api-version=2024-03-01"
    ran = tenant("rest", "--method", "get", "--url", url, "--resource", gate.base)
    assert ran.code == 1
    assert "not found" in ran.err or "SubscriptionNotFound" in ran.err


def test_a_missing_vm_exits_with_three(tenant: Az) -> None:
    ran = tenant("vm", "show", "-g", "demo", "-n", "nothere")
    assert ran.code == 3, ran.err


def test_who_is_not_signed_in_is_told_how(gate: Gate, tmp_path: Path) -> None:
    az = Az(tmp_path, gate.standing.ca_file)
    az.meet(gate.base)
    ran = az("vm", "list")
    assert ran.code == 1
    assert "az login" in ran.err


def test_the_usual_lists_are_answered(tenant: Az) -> None:
    assert tenant.ok("group", "list").json[0]["name"] == "demo"
    names = {vm["name"] for vm in tenant.ok("vm", "list").json}
    assert {"web01", "win01", "off01"} <= names
    assert tenant.ok("account", "list-locations").json[0]["name"] == "local"


def test_without_an_api_version_the_request_is_refused(tenant: Az) -> None:
    ran = tenant(
        "rest", "--method", "get", "--url", "/subscriptions", "--skip-authorization-header"
    )
    assert ran.code == 1
    assert "Unauthorized" in ran.err or "MissingApiVersionParameter" in ran.err
