"""The Linux sibling, by the commands that az has for it (facts T18)."""

from __future__ import annotations

import json

import pytest

from tests.az.conftest import Az, Gate, Ran

NEW = "a-new-passphrase-of-ours-7"


@pytest.fixture
def web01(gate: Gate) -> list[str]:
    vm = gate.vm("web01")
    return ["-g", vm.split("/")[4], "-n", "web01"]


def check(az: Az, settings: dict[str, str]) -> Ran:
    return az(
        "vm", "extension", "set", "--name", "VMAccessForLinux", "--version", "1.5",
        "--publisher", "Microsoft.OSTCExtensions", "-g", "demo", "--vm-name", "web01",
        "--settings", json.dumps(settings), "--force-update",
    )  # fmt: skip


def test_a_user_is_made_and_removed(gate: Gate, tenant: Az, web01: list[str]) -> None:
    tenant.ok("vm", "user", "update", *web01, "-u", "bob", "-p", NEW)
    assert gate.hypervisor.users("web01")["bob"] == NEW
    tenant.ok("vm", "user", "reset-ssh", *web01)
    tenant.ok("vm", "user", "delete", *web01, "-u", "bob")
    assert "bob" not in gate.hypervisor.users("web01")


def test_a_disk_is_checked_where_that_is_asked(tenant: Az) -> None:
    assert check(tenant, {"check_disk": "true"}).code == 0


def test_a_disk_cannot_be_checked_and_repaired_at_once(tenant: Az) -> None:
    ran = check(tenant, {"check_disk": "true", "repair_disk": "true", "disk_name": "data"})
    assert ran.code == 1
    assert "(VMExtensionProvisioningError)" in ran.err
    assert "Only one of them can be specified" in ran.err
