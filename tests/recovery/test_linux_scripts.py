"""The Linux scripts, run in real shells over a small file system of their own."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.recovery.linux_scripts import SCRIPTS, SSHD_DEFAULT, Exit
from tests.recovery.samples import ED25519

SHELLS = [
    pytest.param(command, id=command[0], marks=[] if shutil.which(command[0]) else
                 [pytest.mark.skip(f"no {command[0]} here")])
    for command in (["dash"], ["bash", "--posix"], ["busybox", "sh"])
]  # fmt: skip

PASSWD = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOther someone@else"


@dataclass
class Guest:
    """A root directory with what the scripts touch, and stand-ins for what they call."""

    root: Path
    shell: list[str]
    stderr: str = ""

    def __post_init__(self) -> None:
        for folder in ("etc/sudoers.d", "etc/ssh/sshd_config.d", "home/ana", "bin", "usr/sbin"):
            (self.root / folder).mkdir(parents=True)
        home = self.root / "home/ana"
        self.write("etc/passwd", f"{PASSWD}ana:x:1000:1000::{home}:/bin/sh\n")
        self.write("etc/login.defs", "# UID_MIN 5\nUID_MIN\t\t\t 1000\nSYS_UID_MIN 100\n")
        self.write("etc/sudoers", "root ALL=(ALL:ALL) ALL\n")
        self.write("etc/ssh/sshd_config", "Port 2222\n")
        # id(1) of this guest, not of the machine that the tests run on.
        self.command(
            "id",
            f"number=$(awk -F: -v user=\"$2\" '$1 == user {{ print $3 }}' {self.root}/etc/passwd)\n"
            '[ -n "$number" ] && echo "$number"',
        )
        self.command("chown", f'echo "chown $*" >> {self.root}/calls')

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        return file

    def command(self, name: str, script: str) -> None:
        self.write(f"bin/{name}", f"#!/bin/sh\n{script}\n", 0o755)

    def noted(self, name: str, *, status: int = 0) -> None:
        """A command that writes down how it was called."""
        self.command(name, f'echo "{name} $*" >> {self.root}/calls\nexit {status}')

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def mode(self, path: str) -> int:
        return stat.S_IMODE((self.root / path).stat().st_mode)

    def called(self) -> list[str]:
        calls = self.root / "calls"
        return calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []

    def run(self, name: str, *arguments: str, given: str | bytes = "") -> int:
        """Run a script as a guest agent does; every absolute path lies under `root`."""
        script = re.sub(r"(?<![\w./])/(etc|var|usr)/", rf"{self.root}/\1/", SCRIPTS[name])
        # Busybox takes its own applets before anything on the path, but functions before those.
        own = "".join(f'{c}() {{ {self.root}/bin/{c} "$@"; }}\n' for c in ("id", "chown"))
        done = subprocess.run(
            [*self.shell, "-c", own + script, name, *arguments],
            input=given.encode() if isinstance(given, str) else given,
            env={"PATH": f"{self.root}/bin:/usr/bin:/bin"},
            capture_output=True,
            check=False,
            timeout=20,
        )
        self.stderr = done.stderr.decode()
        return done.returncode


@pytest.fixture(params=SHELLS)
def guest(request: pytest.FixtureRequest, tmp_path: Path) -> Guest:
    return Guest(tmp_path, request.param)


@pytest.mark.parametrize(
    ("user", "status"),
    [("ana", Exit.DONE), ("nobody-here", Exit.NO_SUCH_ACCOUNT), ("root", Exit.SYSTEM_ACCOUNT),
     ("www-data", Exit.SYSTEM_ACCOUNT)],
)  # fmt: skip
def test_accounts_below_uid_min_are_the_systems(guest: Guest, user: str, status: int) -> None:
    assert guest.run("inspect-account", user) == status


def test_without_login_defs_a_hundred_is_the_line(guest: Guest) -> None:
    (guest.root / "etc/login.defs").unlink()
    assert guest.run("inspect-account", "ana") == 0
    assert guest.run("inspect-account", "www-data") == Exit.SYSTEM_ACCOUNT


class TestSudo:
    def test_each_user_has_one_line(self, guest: Guest) -> None:
        assert guest.run("allow-sudo", "bob", "ALL") == 0
        assert guest.run("allow-sudo", "ana", "NOPASSWD: ALL") == 0
        assert guest.run("allow-sudo", "ana", "ALL") == 0
        assert guest.read("etc/sudoers.d/waagent") == "bob ALL = (ALL) ALL\nana ALL = (ALL) ALL\n"
        assert guest.mode("etc/sudoers.d/waagent") == 0o440
        assert [p.name for p in (guest.root / "etc/sudoers.d").iterdir()] == ["waagent"]

    def test_a_name_is_not_a_pattern(self, guest: Guest) -> None:
        assert guest.run("allow-sudo", "anaXb", "ALL") == 0
        assert guest.run("allow-sudo", "ana.b", "ALL") == 0
        assert guest.read("etc/sudoers.d/waagent").count("\n") == 2

    def test_a_guest_without_sudo_is_left_alone(self, guest: Guest) -> None:
        (guest.root / "etc/sudoers").unlink()
        assert guest.run("allow-sudo", "ana", "ALL") == Exit.NOT_HERE
        assert list((guest.root / "etc/sudoers.d").iterdir()) == []

    def test_the_folder_is_made_and_included_where_it_is_missing(self, guest: Guest) -> None:
        (guest.root / "etc/sudoers.d").rmdir()
        assert guest.run("allow-sudo", "ana", "ALL") == 0
        assert "#includedir" in guest.read("etc/sudoers")
        assert guest.mode("etc/sudoers.d") == 0o750

    def test_what_visudo_refuses_is_not_put_in_place(self, guest: Guest) -> None:
        assert guest.run("allow-sudo", "bob", "ALL") == 0
        guest.noted("visudo", status=1)
        assert guest.run("allow-sudo", "ana", "ALL") == Exit.INVALID
        assert guest.read("etc/sudoers.d/waagent") == "bob ALL = (ALL) ALL\n"
        assert [p.name for p in (guest.root / "etc/sudoers.d").iterdir()] == ["waagent"]

    def test_a_removed_user_loses_the_line(self, guest: Guest) -> None:
        assert guest.run("forget-sudo", "ana") == Exit.NOT_HERE
        assert guest.run("allow-sudo", "ana", "ALL") == 0
        assert guest.run("allow-sudo", "bob", "ALL") == 0
        assert guest.run("forget-sudo", "ana") == 0
        assert guest.read("etc/sudoers.d/waagent") == "bob ALL = (ALL) ALL\n"


class TestKeys:
    FILE = "home/ana/.ssh/authorized_keys"

    def test_a_key_is_added_once(self, guest: Guest) -> None:
        guest.write(self.FILE, f"{OTHER_KEY}\n")
        for _ in range(2):
            assert guest.run("set-ssh-key", "ana", "append", given=ED25519) == 0
        assert guest.read(self.FILE) == f"{OTHER_KEY}\n{ED25519}\n"
        assert [p.name for p in (guest.root / "home/ana/.ssh").iterdir()] == ["authorized_keys"]

    def test_prior_keys_go_when_asked(self, guest: Guest) -> None:
        guest.write(self.FILE, f"{OTHER_KEY}\n")
        assert guest.run("set-ssh-key", "ana", "replace", given=ED25519) == 0
        assert guest.read(self.FILE) == f"{ED25519}\n"

    def test_folder_and_file_are_the_users_alone(self, guest: Guest) -> None:
        assert guest.run("set-ssh-key", "ana", "append", given=ED25519) == 0
        assert guest.mode("home/ana/.ssh") == 0o700
        assert guest.mode(self.FILE) == 0o600
        assert guest.called()[0].startswith("chown -h 1000:1000 ")

    def test_a_key_is_a_text_and_no_program(self, guest: Guest) -> None:
        comment = "$(touch x) `touch y` \\n %s & 'q' \"r\""
        assert guest.run("set-ssh-key", "ana", "append", given=f"{ED25519} {comment}") == 0
        assert guest.read(self.FILE) == f"{ED25519} {comment}\n"

    def test_nothing_is_written_through_a_symlink(self, guest: Guest) -> None:
        target = guest.write("etc/shadow", "secret\n")
        folder = guest.root / "home/ana/.ssh"
        folder.mkdir()
        (folder / "authorized_keys").symlink_to(target)
        assert guest.run("set-ssh-key", "ana", "append", given=ED25519) == Exit.SYMLINK
        shutil.rmtree(folder)
        folder.symlink_to(guest.root / "etc")
        assert guest.run("set-ssh-key", "ana", "append", given=ED25519) == Exit.SYMLINK
        assert target.read_text() == "secret\n"

    def test_a_user_without_a_home_gets_no_key(self, guest: Guest) -> None:
        assert guest.run("set-ssh-key", "zoe", "append", given=ED25519) == Exit.NO_SUCH_ACCOUNT
        (guest.root / "home/ana").rmdir()
        assert guest.run("set-ssh-key", "ana", "append", given=ED25519) == Exit.NO_SUCH_ACCOUNT


class TestPasswordsInSsh:
    CONFIG = "etc/ssh/sshd_config"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("Port 22\n", "Port 22\nPasswordAuthentication yes\n"),
            ("PasswordAuthentication no\nPort 22\n", "PasswordAuthentication yes\nPort 22\n"),
            (
                "#PasswordAuthentication no\n\tPasswordAuthentication\tno\n",
                "#PasswordAuthentication no\nPasswordAuthentication yes\n",
            ),
            (
                "Port 22\nMatch User git\n  PasswordAuthentication no\n",
                "Port 22\nPasswordAuthentication yes\nMatch User git\n"
                "  PasswordAuthentication no\n",
            ),
            ("PasswordAuthentication no\n" * 2, "PasswordAuthentication yes\n"),
            ("", "PasswordAuthentication yes\n"),
        ],
    )
    def test_they_are_allowed_for_everybody(self, guest: Guest, before: str, after: str) -> None:
        guest.write(self.CONFIG, before, 0o600)
        assert guest.run("allow-passwords") == 0
        assert guest.read(self.CONFIG) == after
        assert guest.mode(self.CONFIG) == 0o600
        assert guest.read("var/cache/vmaccess/backup") == before

    def test_the_first_backup_is_kept(self, guest: Guest) -> None:
        for _ in range(2):
            assert guest.run("allow-passwords") == 0
        assert guest.read("var/cache/vmaccess/backup") == "Port 2222\n"

    def test_cloud_inits_own_word_is_changed_too(self, guest: Guest) -> None:
        cloud = "etc/ssh/sshd_config.d/50-cloud-init.conf"
        guest.write(cloud, "PasswordAuthentication no\n")
        assert guest.run("allow-passwords") == 0
        assert guest.read(cloud) == "PasswordAuthentication yes\n"

    def test_a_guest_without_ssh_is_left_alone(self, guest: Guest) -> None:
        (guest.root / self.CONFIG).unlink()
        assert guest.run("allow-passwords") == Exit.NOT_HERE
        assert guest.run("reset-ssh", "default", given=SSHD_DEFAULT) == Exit.NOT_HERE
        assert guest.run("restart-ssh") == Exit.NOT_HERE


class TestResettingSsh:
    CONFIG = "etc/ssh/sshd_config"

    def test_ours_is_put_in_place_and_the_present_one_is_kept(self, guest: Guest) -> None:
        assert guest.run("reset-ssh", "default", given=SSHD_DEFAULT) == 0
        assert guest.read(self.CONFIG) == SSHD_DEFAULT.decode()
        assert guest.mode(self.CONFIG) == 0o600
        assert guest.read("var/cache/vmaccess/backup") == "Port 2222\n"

    def test_the_distributions_own_default_comes_first(self, guest: Guest) -> None:
        guest.write("usr/share/openssh/sshd_config", "# as delivered\n")
        assert guest.run("reset-ssh", "default", given=SSHD_DEFAULT) == 0
        assert guest.read(self.CONFIG) == "# as delivered\n"

    def test_what_was_kept_is_put_back_once(self, guest: Guest) -> None:
        assert guest.run("reset-ssh", "default", given=SSHD_DEFAULT) == 0
        assert guest.run("reset-ssh", "backup", given=SSHD_DEFAULT) == 0
        assert guest.read(self.CONFIG) == "Port 2222\n"
        assert not (guest.root / "var/cache/vmaccess/backup").exists()

    def test_what_sshd_refuses_is_not_put_in_place(self, guest: Guest) -> None:
        guest.noted("sshd", status=255)
        assert guest.run("reset-ssh", "default", given=SSHD_DEFAULT) == Exit.INVALID
        assert guest.read(self.CONFIG) == "Port 2222\n"
        assert guest.called()[0].startswith("sshd -t -f ")
        assert {p.name for p in (guest.root / "etc/ssh").iterdir()} == {
            "sshd_config", "sshd_config.d",
        }  # fmt: skip

    def test_the_service_is_restarted_by_whatever_name_it_has(self, guest: Guest) -> None:
        guest.command("systemctl", f'echo "$*" >> {guest.root}/calls\n[ "$2" = ssh ]')
        assert guest.run("restart-ssh") == 0
        assert guest.called() == ["restart sshd", "restart ssh"]

    def test_a_port_22_that_was_closed_is_open(self, guest: Guest) -> None:
        # iptables with two DROP rules and no ACCEPT.
        guest.command(
            "iptables",
            f'echo "$*" >> {guest.root}/calls\n'
            'case "$*" in\n'
            f'  "-D "*DROP) [ "$(grep -c -- "^-D .*DROP" {guest.root}/calls)" -le 2 ];;\n'
            '  "-D "*|"-C "*) exit 1;;\n'
            "esac",
        )
        assert guest.run("open-ssh-port") == 0
        rule = "INPUT -p tcp -m tcp --dport 22 -j"
        assert guest.called() == [
            *[f"-D {rule} DROP"] * 3, f"-D {rule} REJECT", f"-C {rule} ACCEPT", f"-I {rule} ACCEPT",
        ]  # fmt: skip

    def test_a_rule_that_never_goes_does_not_hold_it_up_for_ever(self, guest: Guest) -> None:
        guest.noted("iptables")
        assert guest.run("open-ssh-port") == 0
        assert len(guest.called()) == 41


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_no_larger_than_an_argument_may_be(name: str) -> None:
    # Linux: MAX_ARG_STRLEN is 128 KiB.
    assert len(SCRIPTS[name]) < 16 * 1024
