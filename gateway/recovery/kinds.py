"""The kinds of recovery actions, the words that people see, and the request each one stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.errors import InvalidInput
from gateway.recovery.extension import ExtensionRequest
from gateway.recovery.handlers import GuestOs, handler_for


class ActionKind(StrEnum):
    """What a recovery action is for."""

    SET_PASSWORD = "set_password"  # noqa: S105 - a kind, no password
    SET_SSH_KEY = "set_ssh_key"
    CREATE_USER = "create_user"
    RESET_REMOTE_DESKTOP = "reset_remote_desktop"
    RESET_SSH = "reset_ssh"
    RESTORE_SSH = "restore_ssh"
    REMOVE_USER = "remove_user"
    CHECK_DISK = "check_disk"
    REPAIR_DISK = "repair_disk"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Words:
    """One kind in words: the button, the sentence while it runs, and what it does to the guest."""

    title: str
    running: str
    explains: str


WORDS: Final[Mapping[ActionKind, Words]] = {
    ActionKind.SET_PASSWORD: Words(
        "Reset a password",
        "Resetting the password",
        "Sets the password of an administrator. A name that the VM does not know becomes a new "
        "administrator.",
    ),
    ActionKind.SET_SSH_KEY: Words(
        "Set an SSH key",
        "Setting the SSH key",
        "Adds a public key to a user who may use sudo. A name that the VM does not know becomes a "
        "new user.",
    ),
    ActionKind.CREATE_USER: Words(
        "Create a user",
        "Creating the user",
        "Creates a user with a password and an SSH key, who may use sudo.",
    ),
    ActionKind.RESET_REMOTE_DESKTOP: Words(
        "Reset Remote Desktop",
        "Resetting Remote Desktop",
        "Allows Remote Desktop connections again, on port 3389: its settings, its service and its "
        "firewall rule.",
    ),
    ActionKind.RESET_SSH: Words(
        "Reset SSH",
        "Resetting SSH",
        "Opens port 22 and puts the default sshd_config in place. The present one is kept aside.",
    ),
    ActionKind.RESTORE_SSH: Words(
        "Restore SSH settings",
        "Restoring the SSH settings",
        "Opens port 22 and puts back the sshd_config that was kept aside.",
    ),
    ActionKind.REMOVE_USER: Words(
        "Remove a user",
        "Removing the user",
        "Deletes a user and everything in that user's home directory.",
    ),
    ActionKind.CHECK_DISK: Words(
        "Check the disks",
        "Checking the disks",
        "Checks every file system of the VM (fsck) and mends what can be mended.",
    ),
    ActionKind.REPAIR_DISK: Words(
        "Repair a disk",
        "Repairing the disk",
        "Unmounts a disk, mends its file system (fsck) and mounts it again.",
    ),
    ActionKind.NOTHING: Words(
        "Nothing to do", "Nothing to do", "The settings ask for nothing, so nothing is changed."
    ),
}

_OFFERED: Final = {
    GuestOs.WINDOWS: (ActionKind.SET_PASSWORD, ActionKind.RESET_REMOTE_DESKTOP),
    GuestOs.LINUX: (
        ActionKind.SET_PASSWORD,
        ActionKind.SET_SSH_KEY,
        ActionKind.RESET_SSH,
        ActionKind.RESTORE_SSH,
        ActionKind.REMOVE_USER,
        ActionKind.CHECK_DISK,
        ActionKind.REPAIR_DISK,
    ),
}
# The name that the Azure portal and `az vm user update` give the extension.
EXTENSION_NAME: Final = "enablevmaccess"


def kinds_for(os: GuestOs) -> tuple[ActionKind, ...]:
    """What pages offer for a guest of that family, the most wanted first."""
    return _OFFERED[os]


def needs_user(kind: ActionKind) -> bool:
    """Whether a user has to be named."""
    return kind in {
        ActionKind.SET_PASSWORD,
        ActionKind.SET_SSH_KEY,
        ActionKind.CREATE_USER,
        ActionKind.REMOVE_USER,
    }


def request_for(
    kind: ActionKind,
    os: GuestOs,
    *,
    name: str = EXTENSION_NAME,
    user: str = "",
    password: str = "",
    ssh_key: str = "",
    disk_name: str = "",
) -> ExtensionRequest:
    """The extension request that a page's button stands for, as an ARM client would write it.

    Raises:
        InvalidInput: that kind is not offered for `os`, or something that it needs is missing.
    """
    if kind not in kinds_for(os):
        raise InvalidInput("kind", f"cannot be done in a {os.value} guest")
    needed = {
        "user": (user, needs_user(kind)),
        "password": (password, kind is ActionKind.SET_PASSWORD),
        "ssh_key": (ssh_key, kind is ActionKind.SET_SSH_KEY),
        "disk_name": (disk_name, kind is ActionKind.REPAIR_DISK),
    }
    for field, (value, is_needed) in needed.items():
        if is_needed and not value:
            raise InvalidInput(field, "is needed")
    settings, protected = (
        _windows_settings(kind, user, password)
        if os is GuestOs.WINDOWS
        else _linux_settings(
            kind, user, ssh_key if kind is ActionKind.SET_SSH_KEY else password, disk_name
        )
    )
    handler = handler_for(os)
    return ExtensionRequest(
        name=name,
        publisher=handler.publisher,
        type=handler.type,
        version=".".join(handler.versions[-1].split(".")[:2]),
        auto_upgrade=True,
        force_update_tag=None,
        settings=settings,
        protected=protected or None,
    )


Settings = tuple[dict[str, Any], dict[str, Any]]  # those that are shown, those that are not


def _windows_settings(kind: ActionKind, user: str, password: str) -> Settings:
    return ({"username": user}, {"password": password}) if needs_user(kind) else ({}, {})


def _linux_settings(kind: ActionKind, user: str, secret: str, disk_name: str) -> Settings:
    asked: dict[ActionKind, Settings] = {
        ActionKind.SET_PASSWORD: ({}, {"username": user, "password": secret}),
        ActionKind.SET_SSH_KEY: ({}, {"username": user, "ssh_key": secret}),
        ActionKind.RESET_SSH: ({}, {"reset_ssh": True}),
        ActionKind.RESTORE_SSH: ({}, {"restore_backup_ssh": True}),
        ActionKind.REMOVE_USER: ({}, {"remove_user": user}),
        ActionKind.CHECK_DISK: ({"check_disk": True}, {}),
        ActionKind.REPAIR_DISK: ({"repair_disk": True, "disk_name": disk_name}, {}),
    }
    return asked[kind]
