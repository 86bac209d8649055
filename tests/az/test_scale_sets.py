"""The seed's command for scale sets (facts T7)."""

from __future__ import annotations

from tests.az.conftest import Az, Gate

NEW = "C0rrect-horse-battery"


def test_the_seeds_command_reaches_the_instances_by_an_upgrade(gate: Gate, tenant: Az) -> None:
    group = ["--resource-group", "demo"]
    tenant.ok(
        "vmss", "extension", "set", "--vmss-name", "my-vmss", "--name", "VMAccessAgent", *group,
        "--version", "2.0", "--publisher", "Microsoft.Compute",
        "--settings", '{"username":"setuser"}', "--protected-settings", f'{{"password":"{NEW}"}}',
    )  # fmt: skip
    assert "setuser" not in gate.hypervisor.users("desk01")  # upgrades are manual

    listed = tenant.ok("vmss", "extension", "list", "--vmss-name", "my-vmss", *group)
    assert [each["name"] for each in listed.json] == ["VMAccessAgent"]
    assert NEW not in listed.out
    tenant.ok("vmss", "update-instances", "-n", "my-vmss", *group, "--instance-ids", "*")
    assert gate.hypervisor.users("desk01")["setuser"] == NEW
