"""The steps of Linux plans, and what each answer to them means."""

from __future__ import annotations

from typing import Final

from gateway.recovery import linux_scripts as scripts
from gateway.recovery.calls import (
    CHANGE,
    DISK,
    LOOK,
    Answer,
    Execute,
    OsInfo,
    Secret,
    SetPassword,
    Told,
)
from gateway.recovery.catalogue import Failure, reported
from gateway.recovery.handlers import Handler
from gateway.recovery.linux_scripts import Exit
from gateway.recovery.linux_settings import REPAIR_FAILED, Asked
from gateway.recovery.steps import Anything, Holds, Reading, Refused, Step, Took, exits

CHECK_FAILED: Final = "Check failed."

_NEW_USER: Final = "the user is new"
_NO_USER: Final = "there is no such user"
_UNMOUNTED: Final = "the disk was unmounted"


class LinuxSteps:
    """The parts of a Linux plan, each failing in the name of one extension."""

    def __init__(self, name: str, handler: Handler) -> None:
        self._name = name
        self._handler = handler

    def _fails(self, text: str) -> Failure:
        return reported(self._name, self._handler, text)

    def _otherwise(self, text: str) -> tuple[Reading, ...]:
        """All well with exit code 0 or where there is nothing to change; else that failure."""
        return (
            Reading(exits(Exit.DONE, Exit.NOT_HERE)),
            Reading(Anything(), failure=self._fails(text)),
        )

    def system(self) -> Step:
        """Whether the guest is a Linux at all; an old agent that cannot tell is believed."""
        return Step(
            key="system",
            title="Look at the operating system",
            call=OsInfo(),
            changes=False,
            readings=(
                Reading(
                    Holds(_is_windows, "a Windows"),
                    failure=self._fails("Enable failed: the guest does not run Linux."),
                ),
                Reading(Holds(lambda answer: isinstance(answer, Told), "another system")),
                Reading(Refused()),
            ),
        )

    def ssh(self, asked: Asked) -> tuple[Step, ...]:
        """reset_ssh and restore_backup_ssh: port 22 open, sshd_config as delivered or as kept."""
        source = "backup" if asked.restore_ssh else "default"
        return (
            Step(
                key="port",
                title="Open the SSH port",
                call=_shell(scripts.OPEN_SSH_PORT),
                changes=True,
                readings=self._otherwise("Enable failed: Failed to open the ssh port."),
            ),
            Step(
                key="sshd",
                title=f"Put the {'kept' if asked.restore_ssh else 'default'} sshd_config in place",
                call=_shell(scripts.RESET_SSH, source, given=scripts.SSHD_DEFAULT),
                changes=True,
                readings=self._otherwise("Enable failed: Failed to reset sshd_config."),
            ),
            *(() if asked.password else (self._restart_ssh(),)),
        )

    def removal(self, user: str) -> tuple[Step, ...]:
        """remove_user. A user that is not there is removed already."""
        failure = self._fails(f"Enable failed: Failed to remove user {user}")
        return (
            Step(
                key="removed-account",
                title="Look for the user to remove",
                call=_shell(scripts.INSPECT_ACCOUNT, user, timeout=LOOK),
                changes=False,
                readings=(
                    Reading(exits(Exit.DONE)),
                    Reading(exits(Exit.NO_SUCH_ACCOUNT), finding=_NO_USER),
                    Reading(
                        exits(Exit.SYSTEM_ACCOUNT),
                        failure=self._fails(
                            f"Enable failed: Failed to remove user {user} is a system user. Will "
                            "not delete account."
                        ),
                    ),
                ),
            ),
            Step(
                key="remove",
                title="Remove the user",
                call=Execute("userdel", ("-f", "-r", user), timeout=CHANGE),
                changes=True,
                # userdel(8): 12 is "can't remove home directory"; the account is gone.
                readings=(Reading(exits(0, 12)), Reading(Anything(), failure=failure)),
                unless=frozenset({_NO_USER}),
            ),
            Step(
                key="forget-sudo",
                title="Take the user out of sudo",
                call=_shell(scripts.FORGET_SUDO, user),
                changes=True,
                readings=self._otherwise("Enable failed: Failed to configure sudo privileges."),
            ),
        )

    def account(self, user: str, asked: Asked) -> tuple[Step, ...]:
        """username with password, ssh_key or both: the user exists and may use sudo."""
        return (
            self._inspect(user),
            self._create(user, asked.expiration),
            *(self._expire(user, asked.expiration) if asked.expiration else ()),
            *(self._password(user, asked.password) if asked.password else ()),
            self._sudo(user, passwordless=asked.passwordless or asked.password is None),
            *((self._allow_passwords(), self._restart_ssh()) if asked.password else ()),
            *(self._key(user, asked.ssh_key, asked) if asked.ssh_key else ()),
        )

    def _account_failure(self, text: str) -> Failure:
        return self._fails(
            f"Enable failed: Failed to create the account or set the password with {text}"
        )

    def _inspect(self, user: str) -> Step:
        system_user = f"Failed to set password for system user: {user} (0x06)."
        return Step(
            key="account",
            title="Look for the user",
            call=_shell(scripts.INSPECT_ACCOUNT, user, timeout=LOOK),
            changes=False,
            readings=(
                Reading(exits(Exit.DONE)),
                Reading(exits(Exit.NO_SUCH_ACCOUNT), finding=_NEW_USER),
                Reading(exits(Exit.SYSTEM_ACCOUNT), failure=self._account_failure(system_user)),
            ),
        )

    def _create(self, user: str, expiration: str | None) -> Step:
        until = ("-e", expiration) if expiration else ()
        failure = self._account_failure(f"Failed to create user account: {user} (0x07).")
        return Step(
            key="create",
            title="Create the user",
            call=Execute("useradd", ("-m", *until, user)),
            changes=True,
            readings=(Reading(exits(0)), Reading(Anything(), failure=failure)),
            when=frozenset({_NEW_USER}),
        )

    def _expire(self, user: str, expiration: str) -> tuple[Step, ...]:
        failure = self._account_failure(f"Failed to set the expiration of {user}.")
        return (
            Step(
                key="expire",
                title="Set when the account expires",
                call=Execute("usermod", ("-e", expiration, user)),
                changes=True,
                readings=(Reading(exits(0)), Reading(Anything(), failure=failure)),
                unless=frozenset({_NEW_USER}),
            ),
        )

    def _password(self, user: str, password: Secret) -> tuple[Step, ...]:
        failure = self._account_failure(f"Failed to set password for {user}")
        return (
            Step(
                key="password",
                title="Set the password",
                call=SetPassword(user, password),
                changes=True,
                readings=(Reading(Took()), Reading(Anything(), failure=failure)),
            ),
        )

    def _sudo(self, user: str, *, passwordless: bool) -> Step:
        # A user with a key alone has no password to give to sudo.
        allowed = "NOPASSWD: ALL" if passwordless else "ALL"
        failure = "Failed to configure sudo privileges (0x08)."
        return Step(
            key="sudo",
            title="Allow the user to use sudo",
            call=_shell(scripts.ALLOW_SUDO, user, allowed),
            changes=True,
            readings=(
                Reading(exits(Exit.DONE, Exit.NOT_HERE)),
                Reading(Anything(), failure=self._account_failure(failure)),
            ),
        )

    def _allow_passwords(self) -> Step:
        return Step(
            key="allow-passwords",
            title="Allow passwords in SSH",
            call=_shell(scripts.ALLOW_PASSWORDS),
            changes=True,
            readings=self._otherwise("Enable failed: Failed to allow passwords in sshd_config."),
        )

    def _restart_ssh(self) -> Step:
        # As in the handler, a service that does not come back fails nothing: it is in the log.
        return Step(
            key="restart-ssh",
            title="Restart the SSH service",
            call=_shell(scripts.RESTART_SSH),
            changes=True,
            readings=(
                Reading(exits(Exit.DONE, Exit.NOT_HERE)),
                Reading(Anything(), finding="the SSH service was not restarted"),
            ),
        )

    def _key(self, user: str, key: Secret, asked: Asked) -> tuple[Step, ...]:
        how = "replace" if asked.remove_prior_keys else "append"
        missing = self._fails(f"Enable failed: User '{user}' does not exist")
        symlink = self._fails("Enable failed: Refusing to write: authorized_keys is a symlink")
        return (
            Step(
                key="ssh-key",
                title="Set the SSH key",
                call=_shell(scripts.SET_SSH_KEY, user, how, given=key),
                changes=True,
                readings=(
                    Reading(exits(Exit.DONE)),
                    Reading(exits(Exit.NO_SUCH_ACCOUNT), failure=missing),
                    Reading(exits(Exit.SYMLINK), failure=symlink),
                    Reading(
                        Anything(), failure=self._fails("Enable failed: Failed to reset ssh key.")
                    ),
                ),
            ),
        )

    def check(self) -> tuple[Step, ...]:
        """check_disk: `fsck -As -y`; anything but 0 is a failure."""
        return (
            Step(
                key="check",
                title="Check the file systems",
                call=Execute("fsck", ("-As", "-y"), timeout=DISK),
                changes=True,
                readings=(
                    Reading(exits(0)),
                    Reading(Anything(), failure=self._fails(CHECK_FAILED)),
                ),
            ),
        )

    def repair(self, disk: str) -> tuple[Step, ...]:
        """repair_disk: `umount -f /<disk_name>`, `fsck -AR -y`, and mounted again."""
        return (
            Step(
                key="unmount",
                title="Unmount the disk",
                call=Execute("umount", ("-f", f"/{disk}")),
                changes=True,
                # One that is not mounted can be mended; one in use is left alone by fsck.
                readings=(Reading(exits(0), finding=_UNMOUNTED), Reading(Anything())),
            ),
            Step(
                key="repair",
                title="Repair the file systems",
                call=Execute("fsck", ("-AR", "-y"), timeout=DISK),
                changes=True,
                # fsck(8): 1 is "errors corrected".
                readings=(
                    Reading(exits(0, 1)),
                    Reading(Anything(), failure=self._fails(REPAIR_FAILED)),
                ),
            ),
            Step(
                key="mount",
                title="Mount the disk again",
                call=Execute("mount", (f"/{disk}",)),
                changes=True,
                readings=(
                    Reading(exits(0)),
                    Reading(
                        Anything(),
                        failure=self._fails(f"{REPAIR_FAILED} The disk was not mounted again."),
                    ),
                ),
                when=frozenset({_UNMOUNTED}),
            ),
        )


def _is_windows(answer: Answer) -> bool:
    return isinstance(answer, Told) and answer.facts.get("id") == "mswindows"


def _shell(
    name: str, *arguments: str, given: Secret | bytes | None = None, timeout: float = CHANGE
) -> Execute:
    """`arguments` are $1, $2 … of the script, its name is $0."""
    return Execute("/bin/sh", ("-c", scripts.SCRIPTS[name], name, *arguments), given, timeout)
