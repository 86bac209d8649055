"""The seed's VMAccess commands as they stand, and what az makes of each failure (T5 to T11)."""

from __future__ import annotations

import json

import pytest

from gateway.backends.demo.windows_accounts import ANY_PASSWORD
from tests.az.conftest import Az, Gate, Ran

NEW = "Tr0ub4dor&three-words"


def extension(
    az: Az, vm: str, settings: str, protected: dict[str, str] | None = None, *more: str
) -> Ran:
    """The seed's command."""
    group, name = vm.split("/")[4], vm.rpartition("/")[2]
    secret = ["--protected-settings", json.dumps(protected)] if protected is not None else []
    return az(
        "vm", "extension", "set", "--name", "VMAccessAgent", "--publisher", "Microsoft.Compute",
        "--version", "2.0", "--vm-name", name, "--resource-group", group,
        "--settings", settings, *secret, *more,
    )  # fmt: skip


def of(vm: str) -> list[str]:
    return ["--resource-group", vm.split("/")[4], "--vm-name", vm.rpartition("/")[2]]


@pytest.fixture
def win01(gate: Gate) -> str:
    return gate.vm("win01")


def test_the_seeds_command_as_it_stands(gate: Gate, tenant: Az, win01: str) -> None:
    """Its password has no digit, which Windows takes only where no policy asks for one."""
    accounts = gate.hypervisor.windows_guest("win01").accounts
    before, accounts.policy = accounts.policy, ANY_PASSWORD
    ran = extension(tenant, win01, '{"username":"myuser"}', {"password": "myPassWord"})
    accounts.policy = before
    assert ran.code == 0, ran.err
    assert gate.hypervisor.users("win01")["myuser"] == "myPassWord"


def test_the_seeds_command_resets_a_password(gate: Gate, tenant: Az, win01: str) -> None:
    ran = extension(tenant, win01, '{"username":"myuser"}', {"password": NEW})
    assert ran.code == 0, ran.err
    assert ran.json["provisioningState"] == "Succeeded"
    assert NEW not in ran.out + ran.err
    assert "protectedSettings" not in ran.out or not ran.json["protectedSettings"]
    assert gate.hypervisor.users("win01")["myuser"] == NEW


def test_remote_desktop_is_reset_once_and_again_by_force(
    gate: Gate, tenant: Az, win01: str
) -> None:
    before = actions(gate)
    assert extension(tenant, win01, "{}").code == 0
    assert extension(tenant, win01, "{}").code == 0
    assert actions(gate) == before + 1
    assert extension(tenant, win01, "{}", None, "--force-update").code == 0
    assert actions(gate) == before + 2


def test_show_list_and_delete(tenant: Az, win01: str) -> None:
    assert extension(tenant, win01, "{}", None, "--force-update").code == 0
    named = [*of(win01), "--name", "VMAccessAgent"]
    shown = tenant.ok("vm", "extension", "show", "--instance-view", *named).json
    assert shown["instanceView"]["typeHandlerVersion"].startswith("2.4")
    assert shown["typeHandlerVersion"] == "2.0"
    (listed,) = tenant.ok("vm", "extension", "list", *of(win01)).json
    assert listed["name"] == "VMAccessAgent"
    tenant.ok("vm", "extension", "delete", *named)
    assert tenant("vm", "extension", "show", *named).code == 3


def test_a_vm_that_is_off_takes_no_extension(gate: Gate, tenant: Az) -> None:
    off01 = gate.vm("off01")
    ran = tenant(
        "vm", "extension", "set", "--name", "VMAccessForLinux", "--publisher",
        "Microsoft.OSTCExtensions", "--version", "1.5", *of(off01), "--settings", "{}",
    )  # fmt: skip
    assert ran.code == 1
    assert "(OperationNotAllowed)" in ran.err
    assert "Cannot modify extensions in the VM when the VM is not running." in ran.err
    assert "CannotModifyExtensionsWhenVMNotRunning" in ran.err
    named = ["--name", "VMAccessForLinux", *of(off01)]
    assert tenant("vm", "extension", "delete", *named).code == 1


def test_a_weak_password_is_refused_by_the_guest(tenant: Az, win01: str) -> None:
    ran = extension(tenant, win01, '{"username":"myuser"}', {"password": "short"})
    assert ran.code == 1
    assert "(VMExtensionProvisioningError)" in ran.err
    assert "does not meet the password policy requirements" in ran.err


def test_a_name_without_a_password_is_refused(tenant: Az, win01: str) -> None:
    ran = extension(tenant, win01, '{"username":"myuser"}', {"password": ""})
    assert ran.code == 1
    assert "cannot be null or empty if provided the username" in ran.err


def test_who_is_no_administrator_is_left_alone(tenant: Az, win01: str) -> None:
    ran = extension(tenant, win01, '{"username":"dana"}', {"password": NEW})
    assert ran.code == 1
    assert "(VMExtensionProvisioningError)" in ran.err
    assert "not in the Administrators group" in ran.err


def test_a_domain_controller_is_left_alone(gate: Gate, tenant: Az, win01: str) -> None:
    guest = gate.hypervisor.windows_guest("win01")
    guest.domain_controller = True
    ran = extension(tenant, win01, '{"username":"myuser"}', {"password": NEW + "!"})
    guest.domain_controller = False
    assert ran.code == 1
    assert "VMAccess Extension does not support Domain Controller." in ran.err


def test_a_second_extension_of_the_handler_is_refused(tenant: Az, win01: str) -> None:
    assert extension(tenant, win01, "{}", None, "--force-update").code == 0
    body = {
        "location": "local",
        "properties": {
            "publisher": "Microsoft.Compute", "type": "VMAccessAgent",
            "typeHandlerVersion": "2.4", "settings": {},
        },
    }  # fmt: skip
    url = f"{win01}/extensions/enablevmaccess?api-version=2023-09-01"
    ran = tenant("rest", "--method", "put", "--url", url, "--body", json.dumps(body))
    assert ran.code == 1
    assert "Multiple VMExtensions per handler not supported for OS type 'Windows'" in ran.err


def actions(gate: Gate) -> int:
    async def count() -> int:
        async with gate.standing.gateway.services.store.reading() as unit:
            return len(await unit.recovery_actions.history(limit=1000))

    return gate.run(count())
