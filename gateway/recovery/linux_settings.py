"""The settings of a VMAccessForLinux request, read and checked, in the handler's own messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from gateway.recovery.calls import Secret
from gateway.recovery.extension import as_flag
from gateway.recovery.ssh_keys import KeyRefused, authorized_key

REPAIR_FAILED: Final = "Repair failed."
BOTH_DISKS: Final = (
    "check_disk and repair_disk was both specified.Only one of them can be specified"
)
RESET_AND_REMOVE: Final = "Cannot reset sshd_config and remove a user in one operation."
NOTHING_GIVEN: Final = "No password or ssh_key is specified."

# useradd(8), and the letters in upper case that some distributions allow; never an option.
_USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
# What sudoers(5) reads as something else than a user: "ALL" would make everybody an administrator.
_SUDO_WORDS: Final = frozenset(
    {"ALL", "Cmd_Alias", "Cmnd_Alias", "Defaults", "Host_Alias", "Runas_Alias", "User_Alias"}
)
# One directory right under the root: no path, no "..", no option.
_DISK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?:\.[A-Za-z0-9_-]{1,16})?")
# What the system itself stands on; unmounting it by force would take the guest down.
_SYSTEM_DISKS: Final = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "root", "run", "sbin", "sys",
     "tmp", "usr", "var"}
)  # fmt: skip
_PASSWORD: Final = 512  # bytes; PAM's PAM_MAX_RESP_SIZE


class Fault(ValueError):
    """The settings cannot be carried out; the text is what the handler would report."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the settings ask for."""

    user: str | None
    password: Secret | None
    ssh_key: Secret | None
    expiration: str | None
    remove_prior_keys: bool
    passwordless: bool
    reset_ssh: bool
    restore_ssh: bool
    remove_user: str | None
    check_disk: bool
    repair_disk: str | None


def read_settings(settings: Mapping[str, Any], protected: Mapping[str, Any]) -> Asked:
    """Raises Fault with the handler's message."""
    password, key = _text(protected, "password"), _text(protected, "ssh_key")
    user = _user(protected, "username")
    reset_ssh = _flag(protected, "reset_ssh")
    restore_ssh = _flag(protected, "restore_backup_ssh")
    remove_user = _user(protected, "remove_user")
    if remove_user and (reset_ssh or restore_ssh or password):
        raise Fault(f"Enable failed: {RESET_AND_REMOVE}")
    if user and not password and not key:
        raise Fault(f"Enable failed: {NOTHING_GIVEN}")
    if not user and (password or key):
        raise Fault("Enable failed: No username is specified.")
    if user and user == remove_user:
        raise Fault("Enable failed: username and remove_user name the same user.")
    check_disk, repair_disk = _flag(settings, "check_disk"), _flag(settings, "repair_disk")
    if check_disk and repair_disk:
        raise Fault(f"Enable failed: {BOTH_DISKS}")
    return Asked(
        user=user,
        password=_password(password),
        ssh_key=_key(key),
        expiration=_date(protected),
        remove_prior_keys=_flag(protected, "remove_prior_keys"),
        passwordless=_flag(protected, "enable_passwordless_access"),
        reset_ssh=reset_ssh,
        restore_ssh=restore_ssh,
        remove_user=remove_user,
        check_disk=check_disk,
        repair_disk=_disk(settings) if repair_disk else None,
    )


def _text(settings: Mapping[str, Any], key: str) -> str | None:
    """An empty text is none: "empty passwords are not allowed, ignoring"."""
    value = settings.get(key)
    if value is not None and not isinstance(value, str):
        raise Fault(f"Enable failed: {key} must be a text.")
    return value or None


def _flag(settings: Mapping[str, Any], key: str) -> bool:
    value = settings.get(key)
    flag = False if value is None or value == "" else as_flag(value)
    if flag is None:
        raise Fault(f"Enable failed: {key} must be true or false.")
    return flag


def _user(settings: Mapping[str, Any], key: str) -> str | None:
    value = _text(settings, key)
    if value is not None and (not _USER.fullmatch(value) or value in _SUDO_WORDS):
        raise Fault(f"Enable failed: {key} is not a valid user name.")
    return value


def _password(value: str | None) -> Secret | None:
    if value is None:
        return None
    # chpasswd reads lines of user:password, so a line break would set another user's.
    if any(c < " " or c == "\x7f" for c in value):
        raise Fault("Enable failed: password must not hold control characters.")
    if _PASSWORD < len(value.encode("utf-8", "surrogatepass")):
        raise Fault("Enable failed: password is too long.")
    return Secret(value)


def _key(value: str | None) -> Secret | None:
    if value is None:
        return None
    try:
        return Secret(authorized_key(value))
    except KeyRefused as refused:
        raise Fault(f"Enable failed: {refused}") from None


def _date(protected: Mapping[str, Any]) -> str | None:
    value = _text(protected, "expiration")
    if value is None:
        return None
    try:
        # The handler cuts a fraction off; `YYYY-MM-DD` is what useradd takes.
        return date.fromisoformat(value.split(".")[0]).isoformat()
    except ValueError:
        raise Fault("Enable failed: expiration must be a date, YYYY-MM-DD.") from None


def _disk(settings: Mapping[str, Any]) -> str:
    value = settings.get("disk_name")
    if not isinstance(value, str) or not _DISK.fullmatch(value):
        raise Fault(f"{REPAIR_FAILED} disk_name must be the name of one directory under /.")
    if value.casefold() in _SYSTEM_DISKS:
        raise Fault(f"{REPAIR_FAILED} disk_name must not be a directory of the system.")
    return value
