"""What VMAccessForLinux does in a Linux guest, in the handler's own messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recovery.calls import Answer, Declined, Done, Execute, Secret, SetPassword, Told
from gateway.recovery.handlers import LINUX
from gateway.recovery.kinds import ActionKind
from gateway.recovery.linux_scripts import Exit
from gateway.recovery.plan import Failure, Plan, Success, plan_for
from tests.recovery.samples import (
    ED25519,
    PASSWORD,
    SERVER_2022,
    keys,
    linux,
    planned,
    refused,
    reported_text,
    walk,
)

USER = planned(linux({}, {"username": "ana", "password": PASSWORD}))


def call(plan: Plan, key: str) -> Execute:
    found = next(step.call for step in plan.steps if step.key == key)
    assert isinstance(found, Execute)
    return found


def failure(plan: Plan, **answers: Answer) -> str:
    _, outcome = walk(plan, **answers)
    assert isinstance(outcome, Failure)
    return reported_text(outcome)


class TestAccounts:
    def test_a_user_who_exists_gets_the_password(self) -> None:
        steps, outcome = walk(USER)
        assert keys(steps) == [
            "system", "account", "password", "sudo", "allow-passwords", "restart-ssh",
        ]  # fmt: skip
        assert outcome == Success("Enable succeeded.", tuple(step.title for step in steps))
        assert steps[2].call == SetPassword("ana", Secret(PASSWORD))

    def test_a_user_who_does_not_is_created_before(self) -> None:
        steps, _ = walk(USER, account=Done(Exit.NO_SUCH_ACCOUNT))
        assert keys(steps)[:4] == ["system", "account", "create", "password"]
        assert (call(USER, "create").program, call(USER, "create").arguments) == (
            "useradd", ("-m", "ana"),
        )  # fmt: skip

    def test_a_key_alone_lets_sudo_without_a_password(self) -> None:
        plan = planned(linux({}, {"username": "ana", "ssh_key": ED25519}))
        steps, _ = walk(plan)
        assert keys(steps) == ["system", "account", "sudo", "ssh-key"]
        assert call(plan, "sudo").arguments[2:] == ("allow-sudo", "ana", "NOPASSWD: ALL")
        assert plan.kind is ActionKind.SET_SSH_KEY

    def test_a_password_makes_sudo_ask_for_it_unless_told_otherwise(self) -> None:
        assert call(USER, "sudo").arguments[2:] == ("allow-sudo", "ana", "ALL")
        free = planned(
            linux(
                {},
                {"username": "a", "password": PASSWORD, "enable_passwordless_access": "true"},
            )
        )
        assert call(free, "sudo").arguments[-1] == "NOPASSWD: ALL"

    def test_an_expiry_is_set_for_a_new_user_and_for_one_who_exists(self) -> None:
        plan = planned(
            linux({}, {"username": "a", "password": PASSWORD, "expiration": "2027-01-31"})
        )
        assert "expire" in keys(walk(plan)[0])
        assert call(plan, "expire").arguments == ("-e", "2027-01-31", "a")
        created = walk(plan, account=Done(Exit.NO_SUCH_ACCOUNT))[0]
        assert "expire" not in keys(created)
        assert call(plan, "create").arguments == ("-m", "-e", "2027-01-31", "a")

    @pytest.mark.parametrize(("flag", "how"), [("true", "replace"), (True, "replace"),
                                               ("false", "append"), (None, "append")])  # fmt: skip
    def test_prior_keys_go_only_when_asked(self, flag: Any, how: str) -> None:
        plan = planned(linux({}, {"username": "a", "ssh_key": ED25519, "remove_prior_keys": flag}))
        assert call(plan, "ssh-key").arguments[2:] == ("set-ssh-key", "a", how)

    def test_the_key_goes_by_standard_input(self) -> None:
        plan = planned(linux({}, {"username": "a", "ssh_key": f" {ED25519}\n"}))
        assert call(plan, "ssh-key").input == Secret(ED25519)

    def test_password_and_key_together_are_a_new_user(self) -> None:
        plan = planned(linux({}, {"username": "a", "password": PASSWORD, "ssh_key": ED25519}))
        assert plan.kind is ActionKind.CREATE_USER
        assert {"password", "ssh-key"} <= set(keys(walk(plan)[0]))

    def test_an_empty_password_is_ignored(self) -> None:
        plan = planned(linux({}, {"username": "a", "password": "", "ssh_key": ED25519}))
        assert "password" not in keys(list(plan.steps))

    @pytest.mark.parametrize(
        ("answers", "text"),
        [
            (
                {"account": Done(Exit.SYSTEM_ACCOUNT)},
                "Failed to set password for system user: ana (0x06).",
            ),
            (
                {"account": Done(Exit.NO_SUCH_ACCOUNT), "create": Done(9)},
                "Failed to create user account: ana (0x07).",
            ),
            (
                {"password": Declined("GenericError", "child process has failed")},
                "Failed to set password for ana",
            ),
            ({"sudo": Done(Exit.INVALID)}, "Failed to configure sudo privileges (0x08)."),
        ],
    )
    def test_the_handlers_own_messages(self, answers: dict[str, Answer], text: str) -> None:
        assert failure(USER, **answers) == (
            f"Enable failed: Failed to create the account or set the password with {text}"
        )

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            (Exit.NO_SUCH_ACCOUNT, "User 'ana' does not exist"),
            (Exit.SYMLINK, "Refusing to write: authorized_keys is a symlink"),
            (1, "Failed to reset ssh key."),
        ],
    )
    def test_a_key_that_cannot_be_written(self, code: int, text: str) -> None:
        plan = planned(linux({}, {"username": "ana", "ssh_key": ED25519}))
        assert failure(plan, ssh_key=Done(code)) == f"Enable failed: {text}"

    def test_a_guest_without_sudo_or_ssh_gets_its_password_all_the_same(self) -> None:
        away = Done(Exit.NOT_HERE)
        _, outcome = walk(USER, sudo=away, allow_passwords=away, restart_ssh=away)
        assert isinstance(outcome, Success)

    def test_a_service_that_does_not_restart_fails_nothing(self) -> None:
        assert isinstance(walk(USER, restart_ssh=Done(1))[1], Success)


class TestSettings:
    """What is wrong with the settings is told without asking the guest."""

    @pytest.mark.parametrize(
        ("settings", "protected", "text"),
        [
            ({}, {"username": "a"}, "No password or ssh_key is specified."),
            ({}, {"username": "a", "password": ""}, "No password or ssh_key is specified."),
            ({}, {"password": PASSWORD}, "No username is specified."),
            (
                {"check_disk": "true", "repair_disk": "true", "disk_name": "data"},
                None,
                "check_disk and repair_disk was both specified.Only one of them can be specified",
            ),
            (
                {},
                {"remove_user": "bob", "reset_ssh": True},
                "Cannot reset sshd_config and remove a user in one operation.",
            ),
            (
                {},
                {"remove_user": "bob", "restore_backup_ssh": "true"},
                "Cannot reset sshd_config and remove a user in one operation.",
            ),
            (
                {},
                {"remove_user": "bob", "username": "a", "password": PASSWORD},
                "Cannot reset sshd_config and remove a user in one operation.",
            ),
            (
                {},
                {"remove_user": "a", "username": "a", "ssh_key": ED25519},
                "username and remove_user name the same user.",
            ),
            ({"check_disk": "perhaps"}, None, "check_disk must be true or false."),
            ({"check_disk": 1}, None, "check_disk must be true or false."),
            ({}, {"username": ["a"]}, "username must be a text."),
            ({}, {"username": "a", "password": 3}, "password must be a text."),
            ({}, {"username": "a", "ssh_key": "x"}, "Failed to generate public key file."),
            (
                {},
                {"username": "a", "password": PASSWORD, "expiration": "tomorrow"},
                "expiration must be a date, YYYY-MM-DD.",
            ),
            (
                {},
                {"username": "a", "password": f"{PASSWORD}\nroot:x"},
                "password must not hold control characters.",
            ),
            ({}, {"username": "a", "password": PASSWORD * 99}, "password is too long."),
        ],
    )
    def test_a_fault_is_told_in_the_handlers_frame(
        self, settings: Any, protected: Any, text: str
    ) -> None:
        fault = refused(linux(settings, protected))
        assert reported_text(fault) == f"Enable failed: {text}"
        assert PASSWORD not in fault.message

    @pytest.mark.parametrize("key", ["username", "remove_user"])
    @pytest.mark.parametrize(
        "user",
        ["-rf", "a b", "a:b", "a/b", "../a", "a\n", "a;b", "$(a)", "a" * 33, "1a", "é", "a$",
         "ALL", "Defaults", "User_Alias"],
    )  # fmt: skip
    def test_a_user_is_a_plain_name(self, key: str, user: str) -> None:
        protected = {key: user} | ({"password": PASSWORD} if key == "username" else {})
        text = reported_text(refused(linux({}, protected)))
        assert text == f"Enable failed: {key} is not a valid user name."

    @pytest.mark.parametrize(
        "settings",
        [{}, {"check_disk": "false"}, {"check_disk": False, "repair_disk": "False"},
         {"check_disk": None}, {"repair_disk": "false", "disk_name": "../../etc"}],
    )  # fmt: skip
    def test_false_asks_for_nothing(self, settings: dict[str, Any]) -> None:
        """The handler tests for truth only, and would run fsck for "false"."""
        plan = planned(linux(settings, {"reset_ssh": "false"}))
        assert plan.kind is ActionKind.NOTHING
        assert plan.steps == ()
        assert walk(plan)[1] == Success("Enable succeeded.")

    def test_keys_are_read_whatever_their_case(self) -> None:
        assert planned(linux({"Check_Disk": "TRUE"})).kind is ActionKind.CHECK_DISK
        assert planned(linux({}, {"Reset_SSH": True})).kind is ActionKind.RESET_SSH


class TestSsh:
    def test_reset_opens_the_port_and_puts_the_default_in_place(self) -> None:
        plan = planned(linux({}, {"reset_ssh": True}))
        assert keys(walk(plan)[0]) == ["system", "port", "sshd", "restart-ssh"]
        assert call(plan, "sshd").arguments[2:] == ("reset-ssh", "default")
        assert isinstance(call(plan, "sshd").input, bytes)

    def test_restore_takes_what_was_kept(self) -> None:
        plan = planned(linux({}, {"restore_backup_ssh": "true"}))
        assert call(plan, "sshd").arguments[2:] == ("reset-ssh", "backup")
        assert plan.kind is ActionKind.RESTORE_SSH

    def test_ssh_is_restarted_once_after_everything(self) -> None:
        plan = planned(linux({}, {"reset_ssh": True, "username": "a", "password": PASSWORD}))
        assert keys(walk(plan)[0]) == [
            "system", "port", "sshd", "account", "password", "sudo", "allow-passwords",
            "restart-ssh",
        ]  # fmt: skip

    def test_a_configuration_that_sshd_refuses_is_a_failure(self) -> None:
        plan = planned(linux({}, {"reset_ssh": True}))
        assert (
            failure(plan, sshd=Done(Exit.INVALID)) == "Enable failed: Failed to reset sshd_config."
        )


class TestRemoval:
    PLAN = planned(linux({}, {"remove_user": "bob"}))

    def test_the_user_and_the_home_directory_go(self) -> None:
        steps, _ = walk(self.PLAN)
        assert keys(steps) == ["system", "removed-account", "remove", "forget-sudo"]
        assert (call(self.PLAN, "remove").program, call(self.PLAN, "remove").arguments) == (
            "userdel", ("-f", "-r", "bob"),
        )  # fmt: skip

    def test_a_user_who_is_not_there_is_removed_already(self) -> None:
        steps, outcome = walk(self.PLAN, removed_account=Done(Exit.NO_SUCH_ACCOUNT))
        assert "remove" not in keys(steps)
        assert isinstance(outcome, Success)

    def test_a_system_user_stays(self) -> None:
        text = failure(self.PLAN, removed_account=Done(Exit.SYSTEM_ACCOUNT))
        assert text.startswith("Enable failed: Failed to remove user bob is a system user.")

    def test_a_removal_that_fails_is_told(self) -> None:
        assert failure(self.PLAN, remove=Done(8)) == "Enable failed: Failed to remove user bob"


class TestDisks:
    CHECK = planned(linux({"check_disk": "true"}))
    REPAIR = planned(linux({"repair_disk": True, "disk_name": "data"}))

    def test_check_runs_fsck_over_everything(self) -> None:
        assert keys(walk(self.CHECK)[0]) == ["system", "check"]
        assert (call(self.CHECK, "check").program, call(self.CHECK, "check").arguments) == (
            "fsck", ("-As", "-y"),
        )  # fmt: skip

    @pytest.mark.parametrize("answer", [Done(1), Done(8), Done(None), Declined("GenericError", "")])
    def test_a_check_that_does_not_end_well(self, answer: Answer) -> None:
        assert failure(self.CHECK, check=answer) == "Check failed."

    def test_repair_unmounts_mends_and_mounts(self) -> None:
        steps, outcome = walk(self.REPAIR)
        assert keys(steps) == ["system", "unmount", "repair", "mount"]
        assert [s.call.arguments for s in steps if isinstance(s.call, Execute)] == [
            ("-f", "/data"), ("-AR", "-y"), ("/data",),
        ]  # fmt: skip
        assert isinstance(outcome, Success)

    def test_what_was_not_mounted_is_not_mounted_again(self) -> None:
        steps, outcome = walk(self.REPAIR, unmount=Done(32), repair=Done(1))
        assert keys(steps) == ["system", "unmount", "repair"]
        assert isinstance(outcome, Success)

    def test_a_repair_that_does_not_end_well(self) -> None:
        assert failure(self.REPAIR, repair=Done(4)) == "Repair failed."
        assert failure(self.REPAIR, mount=Done(32)).startswith("Repair failed.")

    @pytest.mark.parametrize(
        "disk",
        [None, "", "/", "/data", "a/b", "..", ".", "../etc", "-a", "a b", "a\n", "a\x00", "a" * 65,
         "etc", "USR", "boot", "a..b", "data/", "é", 3, ["data"], "$(reboot)", "a;reboot"],
    )  # fmt: skip
    def test_a_disk_is_one_name_under_the_root(self, disk: Any) -> None:
        text = reported_text(refused(linux({"repair_disk": "true", "disk_name": disk})))
        assert text.startswith("Repair failed. disk_name must")

    @given(st.text(max_size=12))
    def test_no_disk_name_leaves_its_place(self, disk: str) -> None:
        plan = plan_for(linux({"repair_disk": "true", "disk_name": disk}), LINUX)
        if isinstance(plan, Plan):
            path = call(plan, "unmount").arguments[1]
            assert path.count("/") == 1
            assert path.isascii() and path.isprintable()
            assert ".." not in path


def test_a_windows_guest_is_not_asked_to_be_a_linux() -> None:
    steps, outcome = walk(USER, system=Told(SERVER_2022))
    assert keys(steps) == ["system"]
    assert isinstance(outcome, Failure)
    assert "does not run Linux" in outcome.message


def test_an_agent_that_cannot_tell_its_system_is_believed() -> None:
    assert isinstance(walk(USER, system=Declined("CommandNotFound", "x"))[1], Success)


def test_the_disks_come_last_and_one_request_may_ask_for_both() -> None:
    plan = planned(linux({"check_disk": True}, {"username": "a", "password": PASSWORD}))
    assert keys(walk(plan)[0])[-1] == "check"
    assert plan.kind is ActionKind.SET_PASSWORD
