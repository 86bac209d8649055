"""A demo VM's Linux, as its agent sees it: accounts, keys, sshd, file systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.backends.demo.guest import NO_PROGRAM, DemoGuest
from gateway.backends.demo.system import System
from gateway.recovery import linux_scripts as scripts
from gateway.recovery.calls import (
    Accepted,
    Answer,
    Call,
    Declined,
    Done,
    Execute,
    OsInfo,
    Secret,
    SetPassword,
    Told,
)
from gateway.recovery.linux_scripts import Exit

_SYSTEM_ACCOUNTS: Final = frozenset({"root", "daemon", "bin", "sys", "www-data", "sshd", "nobody"})
_SSHD_CONFIG: Final = "/etc/ssh/sshd_config"
_SSHD_BACKUP: Final = "/var/cache/vmaccess/backup"
_SUDO: Final = "/etc/sudoers.d/waagent"
_FSCK: Final = "fsck from util-linux 2.38.1\n/dev/vda1: clean, 61234/1310720 files\n"
_FSCK_MENDED: Final = (
    "fsck from util-linux 2.38.1\n/dev/vda1: ***** FILE SYSTEM WAS MODIFIED *****\n"
)


class LinuxGuest(DemoGuest):
    """`users` are those of the console's login; one without a password is in `accounts` alone."""

    def __init__(self, system: System, users: dict[str, str], *, seconds: float = 0.0) -> None:
        super().__init__(seconds=seconds)
        self.system = system
        self.users = users
        self.accounts = set(users)
        self.expires: dict[str, str] = {}
        self.mounted = {"mnt"}
        self.fsck_exit = 0  # fsck(8): 1 "errors corrected", 4 "errors left uncorrected"

    def _do(self, call: Call) -> Answer:
        match call:
            case OsInfo():
                return Told(
                    {"id": "debian", "name": "Debian GNU/Linux", "version-id": "12",
                     "pretty-name": "Debian GNU/Linux 12 (bookworm)", "machine": "x86_64",
                     "kernel-release": "6.1.0-demo"}
                )  # fmt: skip
            case SetPassword(user, password, crypted=False) if user in self.accounts:
                self.users[user] = password.reveal()
                return Accepted()
            case SetPassword():
                return Declined("GenericError", "child process has failed to set user password")
            case Execute("/bin/sh", ("-c", _, name, *arguments)):
                return self._script(name, arguments, _text(call.input))
            case Execute(program=program, arguments=arguments):
                return self._program(program, arguments)
        return NO_PROGRAM  # PowerShell

    def _script(self, name: str, arguments: Sequence[str], given: str) -> Answer:
        match name, arguments:
            case scripts.INSPECT_ACCOUNT, [user]:
                return Done(self._inspect(user))
            case scripts.ALLOW_SUDO, [user, allowed]:
                self._sudo(user, f"{user} ALL = (ALL) {allowed}\n")
            case scripts.FORGET_SUDO, [user]:
                if _SUDO not in self.system.files:
                    return Done(Exit.NOT_HERE)
                self._sudo(user, "")
            case scripts.SET_SSH_KEY, [user, how]:
                return Done(self._set_key(user, given, replace=how == "replace"))
            case scripts.ALLOW_PASSWORDS, []:
                self._keep_sshd_config()
                self.system.files[_SSHD_CONFIG] = _allowing_passwords(self._sshd_config())
            case scripts.RESET_SSH, [source]:
                self._keep_sshd_config()
                kept = self.system.files[_SSHD_BACKUP]
                self.system.files[_SSHD_CONFIG] = kept if source == "backup" else given
            case ((scripts.OPEN_SSH_PORT | scripts.RESTART_SSH), []):
                pass
            case _:
                return Done(127, stderr=f"{name}: not known here\n")
        return Done(Exit.DONE)

    def _program(self, program: str, arguments: Sequence[str]) -> Answer:
        match program, arguments:
            case "useradd", ["-m", *options, user]:
                return self._create(user, options)
            case "usermod", ["-e", date, user]:
                return self._expire(user, date)
            case "userdel", ["-f", "-r", user]:
                return self._delete(user)
            case "fsck", _:
                return Done(self.fsck_exit, _FSCK if self.fsck_exit == 0 else _FSCK_MENDED)
            case ("umount", ["-f", path]) | ("mount", [path]):
                return self._mount(path, mounts=program == "mount")
        return NO_PROGRAM

    # accounts

    def _inspect(self, user: str) -> Exit:
        if user in _SYSTEM_ACCOUNTS:
            return Exit.SYSTEM_ACCOUNT
        return Exit.DONE if user in self.accounts else Exit.NO_SUCH_ACCOUNT

    def _create(self, user: str, options: Sequence[str]) -> Done:
        if user in self.accounts | _SYSTEM_ACCOUNTS:
            return Done(9, stderr=f"useradd: user '{user}' already exists\n")
        self.accounts.add(user)
        if options:
            self.expires[user] = options[-1]
        return Done(0)

    def _expire(self, user: str, date: str) -> Done:
        if user not in self.accounts:
            return Done(6, stderr=f"usermod: user '{user}' does not exist\n")
        self.expires[user] = date
        return Done(0)

    def _delete(self, user: str) -> Done:
        if user not in self.accounts:
            return Done(6, stderr=f"userdel: user '{user}' does not exist\n")
        self.accounts.discard(user)
        self.users.pop(user, None)
        self.expires.pop(user, None)
        self.system.files.pop(_keys_of(user), None)
        return Done(0)

    def _sudo(self, user: str, line: str) -> None:
        lines = self.system.files.get(_SUDO, "").splitlines(keepends=True)
        kept = [kept for kept in lines if not kept.startswith(f"{user} ")]
        self.system.files[_SUDO] = "".join(kept) + line

    def _set_key(self, user: str, key: str, *, replace: bool) -> Exit:
        if user not in self.accounts:
            return Exit.NO_SUCH_ACCOUNT
        before = "" if replace else self.system.files.get(_keys_of(user), "")
        kept = [line for line in before.splitlines() if line != key]
        self.system.files[_keys_of(user)] = "\n".join([*kept, key]) + "\n"
        return Exit.DONE

    # sshd, disks

    def _sshd_config(self) -> str:
        return self.system.files.get(_SSHD_CONFIG, "PasswordAuthentication no\n")

    def _keep_sshd_config(self) -> None:
        self.system.files.setdefault(_SSHD_BACKUP, self._sshd_config())

    def _mount(self, path: str, *, mounts: bool) -> Done:
        disk = path.removeprefix("/")
        if (disk in self.mounted) == mounts:
            return Done(32, stderr=f"{path}: {'already' if mounts else 'not'} mounted.\n")
        (self.mounted.add if mounts else self.mounted.discard)(disk)
        return Done(0)


def _keys_of(user: str) -> str:
    return f"/home/{user}/.ssh/authorized_keys"


def _allowing_passwords(config: str) -> str:
    lines = [line for line in config.splitlines() if not line.startswith("PasswordAuthentication")]
    return "\n".join([*lines, "PasswordAuthentication yes"]) + "\n"


def _text(given: Secret | bytes | None) -> str:
    if given is None:
        return ""
    return given.reveal() if isinstance(given, Secret) else given.decode("utf-8", "replace")
