"""The demo's agents: they answer every call of every plan, and what they change is so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.backends.demo import DemoHypervisor
from gateway.backends.demo.windows_accounts import ANY_PASSWORD, PasswordPolicy
from gateway.recovery.calls import (
    Accepted,
    Declined,
    Done,
    Execute,
    OsInfo,
    PowerShell,
    Secret,
    SetPassword,
    Told,
)
from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.handlers import HANDLERS, GuestOs, handler_for
from gateway.recovery.plan import Failure, Plan, Run, Success, plan_for

PASSWORD = "Correct-Horse-7-Battery"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIlTpCkLZWp2VpOEAPJyLzXbJdZ3v4x1Ue1ZlJpNmBqk bob@home"


def plan(os: GuestOs, settings: Mapping[str, Any], protected: Mapping[str, Any]) -> Plan:
    handler = handler_for(os)
    request = ExtensionRequest(
        "vmaccess", handler.publisher, handler.type, "1.5", True, None, settings, protected
    )
    made = plan_for(request, handler)
    assert isinstance(made, Plan), made
    return made


def walk(hypervisor: DemoHypervisor, name: str, made: Plan) -> Success | Failure:
    """Ask the agent whatever the plan asks, to its end."""
    run = Run(made)
    while (step := run.next()) is not None:
        run.answered(step, hypervisor.guest(name).answer(step.call))
    assert run.outcome is not None
    return run.outcome


def recover(
    hypervisor: DemoHypervisor, name: str, settings: Any = None, **protected: Any
) -> Success | Failure:
    os = GuestOs.LINUX if name == "web01" else GuestOs.WINDOWS
    return walk(hypervisor, name, plan(os, settings or {}, protected))


@pytest.fixture
def hypervisor() -> DemoHypervisor:
    return DemoHypervisor(pace=0)


def test_every_handlers_system_has_a_machine(hypervisor: DemoHypervisor) -> None:
    systems = {hypervisor.machine(name).os for name in hypervisor.names()}
    assert systems == {handler.os.value for handler in HANDLERS}


# Linux

LINUX_REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"username": "azureuser", "password": PASSWORD}),
    ({}, {"username": "newcomer", "password": PASSWORD, "expiration": "2030-01-01"}),
    ({}, {"username": "azureuser", "password": PASSWORD, "expiration": "2030-01-01"}),
    ({}, {"username": "azureuser", "ssh_key": KEY, "remove_prior_keys": True}),
    ({}, {"username": "newcomer", "ssh_key": KEY, "password": PASSWORD}),
    ({}, {"reset_ssh": True}),
    ({}, {"restore_backup_ssh": True}),
    ({}, {"remove_user": "azureuser"}),
    ({}, {"remove_user": "nobody-there"}),
    ({"check_disk": True}, {}),
    ({"repair_disk": True, "disk_name": "mnt"}, {}),
    ({"repair_disk": True, "disk_name": "other"}, {}),
]


@pytest.mark.parametrize(("settings", "protected"), LINUX_REQUESTS)
def test_linux_plans_are_carried_out(
    settings: dict[str, Any], protected: dict[str, Any], hypervisor: DemoHypervisor
) -> None:
    made = plan(GuestOs.LINUX, settings, protected)
    assert isinstance(walk(hypervisor, "web01", made), Success)
    # Once more: everything may be repeated.
    assert isinstance(walk(hypervisor, "web01", made), Success)


def test_a_linux_users_password_is_set(hypervisor: DemoHypervisor) -> None:
    recover(hypervisor, "web01", username="azureuser", password=PASSWORD)
    assert hypervisor.users("web01") == {"azureuser": PASSWORD}
    recover(hypervisor, "web01", username="newcomer", password="other")
    assert hypervisor.users("web01") == {"azureuser": PASSWORD, "newcomer": "other"}
    recover(hypervisor, "web01", remove_user="azureuser")
    assert hypervisor.users("web01") == {"newcomer": "other"}


def test_a_user_with_a_key_alone_cannot_log_in_by_password(hypervisor: DemoHypervisor) -> None:
    recover(hypervisor, "web01", username="newcomer", ssh_key=KEY)
    assert "newcomer" not in hypervisor.users("web01")
    files = hypervisor.linux_guest("web01").system.files
    assert files["/home/newcomer/.ssh/authorized_keys"] == f"{KEY}\n"
    assert files["/etc/sudoers.d/waagent"] == "newcomer ALL = (ALL) NOPASSWD: ALL\n"


def test_system_users_are_left_alone(hypervisor: DemoHypervisor) -> None:
    outcome = recover(hypervisor, "web01", username="root", password=PASSWORD)
    assert isinstance(outcome, Failure)
    assert "system user" in outcome.message


def test_sshd_is_reset_and_restored(hypervisor: DemoHypervisor) -> None:
    files = hypervisor.linux_guest("web01").system.files
    files["/etc/ssh/sshd_config"] = "PasswordAuthentication no\n# mine\n"
    recover(hypervisor, "web01", username="azureuser", password=PASSWORD)
    assert files["/etc/ssh/sshd_config"] == "# mine\nPasswordAuthentication yes\n"
    recover(hypervisor, "web01", reset_ssh=True)
    assert "# mine" not in files["/etc/ssh/sshd_config"]
    recover(hypervisor, "web01", restore_backup_ssh=True)
    assert files["/etc/ssh/sshd_config"] == "PasswordAuthentication no\n# mine\n"


def test_a_damaged_disk_is_reported(hypervisor: DemoHypervisor) -> None:
    hypervisor.linux_guest("web01").fsck_exit = 4
    outcome = recover(hypervisor, "web01", {"check_disk": "true"})
    assert isinstance(outcome, Failure)
    assert "Check failed." in outcome.message
    outcome = recover(hypervisor, "web01", {"repair_disk": True, "disk_name": "mnt"})
    assert isinstance(outcome, Failure)
    assert "Repair failed." in outcome.message


# Windows


def test_an_administrators_password_is_set(hypervisor: DemoHypervisor) -> None:
    outcome = recover(hypervisor, "win01", {"username": "administrator"}, password=PASSWORD)
    assert isinstance(outcome, Success)
    assert hypervisor.users("win01")["Administrator"] == PASSWORD
    guest = hypervisor.windows_guest("win01")
    assert (guest.remote_desktop.allowed, guest.remote_desktop.open_port) == (True, 33890)


def test_a_new_name_becomes_an_administrator(hypervisor: DemoHypervisor) -> None:
    recover(hypervisor, "win01", {"username": "myuser"}, password=PASSWORD)
    assert hypervisor.users("win01")["myuser"] == PASSWORD
    assert "myuser" in hypervisor.windows_guest("win01").accounts.administrators


def test_a_disabled_administrator_is_enabled(hypervisor: DemoHypervisor) -> None:
    accounts = hypervisor.windows_guest("win01").accounts
    accounts.disabled.add("Administrator")
    assert accounts.log_on("Administrator", accounts.users["Administrator"]) is None
    recover(hypervisor, "win01", {"username": "Administrator"}, password=PASSWORD)
    assert accounts.log_on("ADMINISTRATOR", PASSWORD) == "Administrator"


def test_who_is_no_administrator_is_left_alone(hypervisor: DemoHypervisor) -> None:
    before = hypervisor.users("win01")
    outcome = recover(hypervisor, "win01", {"username": "dana"}, password=PASSWORD)
    assert isinstance(outcome, Failure)
    assert "it is not in the Administrators group" in outcome.message
    assert hypervisor.users("win01") == before


@pytest.mark.parametrize(
    "password",
    ["Short-7", "all-lower-case-letters", "myPassWord", "Administrator-7-x"],
)
def test_the_policy_refuses_weak_passwords(password: str, hypervisor: DemoHypervisor) -> None:
    before = hypervisor.users("win01")
    outcome = recover(hypervisor, "win01", {"username": "Administrator"}, password=password)
    assert isinstance(outcome, Failure)
    assert "password policy requirements" in outcome.message
    assert hypervisor.users("win01") == before


def test_a_former_password_does_not_come_again(hypervisor: DemoHypervisor) -> None:
    accounts = hypervisor.windows_guest("win01").accounts
    accounts.policy = PasswordPolicy(history=2)

    def may_be(password: str) -> bool:
        outcome = recover(hypervisor, "win01", {"username": "Administrator"}, password=password)
        return isinstance(outcome, Success)

    assert may_be("First-Password-1")
    assert not may_be("First-Password-1")
    assert may_be("Second-Password-2")
    assert not may_be("First-Password-1")
    assert may_be("Third-Password-3")
    assert may_be("First-Password-1")


def test_a_policy_may_take_anything(hypervisor: DemoHypervisor) -> None:
    hypervisor.windows_guest("win01").accounts.policy = ANY_PASSWORD
    for password in ("myPassWord", "x", "myPassWord"):
        outcome = recover(hypervisor, "win01", {"username": "myuser"}, password=password)
        assert isinstance(outcome, Success)


def test_remote_desktop_is_reset(hypervisor: DemoHypervisor) -> None:
    desktop = hypervisor.windows_guest("win01").remote_desktop
    assert (desktop.allowed, desktop.port, desktop.open_port) == (False, 33890, None)
    assert isinstance(recover(hypervisor, "win01"), Success)
    assert (desktop.allowed, desktop.port, desktop.open_port) == (True, 3389, 3389)
    assert desktop.running


def test_a_domain_controller_is_refused(hypervisor: DemoHypervisor) -> None:
    hypervisor.windows_guest("win01").domain_controller = True
    outcome = recover(hypervisor, "win01", {"username": "Administrator"}, password=PASSWORD)
    assert isinstance(outcome, Failure)
    assert "does not support Domain Controller" in outcome.message
    assert "set-password" not in hypervisor.guest("win01").heard


def test_an_old_windows_is_refused(hypervisor: DemoHypervisor) -> None:
    hypervisor.windows_guest("win01").supported = False
    outcome = recover(hypervisor, "win01", {"username": "Administrator"}, password=PASSWORD)
    assert isinstance(outcome, Failure)
    assert "supports Windows 10" in outcome.message


def test_the_desktops_lock_opens_to_a_new_password(hypervisor: DemoHypervisor) -> None:
    outcome = recover(hypervisor, "desk01", {"username": "alex"}, password=PASSWORD)
    assert isinstance(outcome, Success)
    assert hypervisor.users("desk01") == {"alex": PASSWORD}


# whatever else may be asked


def test_calls_that_no_plan_makes_are_answered(hypervisor: DemoHypervisor) -> None:
    linux, windows = hypervisor.guest("web01"), hypervisor.guest("win01")
    secret = Secret(PASSWORD)
    assert isinstance(linux.answer(PowerShell("set-password", "x")), Declined)
    assert isinstance(linux.answer(Execute("rm", ("-rf", "/"))), Declined)
    assert linux.answer(Execute("/bin/sh", ("-c", "x", "unheard-of"))) == Done(
        127, stderr="unheard-of: not known here\n"
    )
    assert isinstance(linux.answer(SetPassword("nobody-there", secret)), Declined)
    assert isinstance(linux.answer(SetPassword("azureuser", secret, crypted=True)), Declined)
    assert isinstance(windows.answer(Execute("fsck")), Declined)
    assert windows.answer(PowerShell("unheard-of", "x")) == Done(
        1, stderr="unheard-of : The term is not recognized.\n"
    )
    assert windows.answer(SetPassword("Administrator", secret)) == Accepted()
    assert isinstance(windows.answer(SetPassword("Administrator", secret)), Declined)
    assert isinstance(windows.answer(SetPassword("nobody", secret)), Declined)
    for guest in (linux, windows):
        assert isinstance(guest.answer(OsInfo()), Told)
        assert PASSWORD not in repr(guest.heard)


def test_secrets_show_in_no_text_of_a_guest(hypervisor: DemoHypervisor) -> None:
    recover(hypervisor, "web01", username="azureuser", password=PASSWORD)
    assert hypervisor.guest("web01").heard[:3] == ["OsInfo", "inspect-account", "SetPassword"]
    assert PASSWORD not in repr(hypervisor.guest("web01"))
