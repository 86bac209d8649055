"""Linux: what Microsoft.OSTCExtensions.VMAccessForLinux does, in the handler's own messages.

In its order: SSH, the user to remove, the account, the disks. Two things are done otherwise than
by the handler, on purpose: "false" is false there too, and a password or key without a user is an
error instead of a success that did nothing.
"""

from __future__ import annotations

from typing import Final

from gateway.recovery.catalogue import Failure, reported
from gateway.recovery.extension import ExtensionRequest, folded
from gateway.recovery.handlers import Handler
from gateway.recovery.kinds import WORDS, ActionKind
from gateway.recovery.linux_settings import Asked, Fault, read_settings
from gateway.recovery.linux_steps import LinuxSteps
from gateway.recovery.steps import Plan

SUCCEEDED: Final = "Enable succeeded."


def linux_plan(request: ExtensionRequest, handler: Handler) -> Plan | Failure:
    """The plan of a VMAccessForLinux request, or the failure that its settings lead to."""

    def failed(text: str) -> Failure:
        return reported(request.name, handler, text)

    try:
        asked = read_settings(folded(request.settings), folded(request.protected or {}))
    except Fault as fault:
        return failed(str(fault))
    kind = _kind(asked)
    parts = LinuxSteps(request.name, handler)
    steps = (
        *(parts.ssh(asked) if asked.reset_ssh or asked.restore_ssh else ()),
        *(parts.removal(asked.remove_user) if asked.remove_user else ()),
        *(parts.account(asked.user, asked) if asked.user else ()),
        *(parts.check() if asked.check_disk else ()),
        *(parts.repair(asked.repair_disk) if asked.repair_disk else ()),
    )
    return Plan(
        handler=handler,
        extension_name=request.name,
        kind=kind,
        title=WORDS[kind].title,
        steps=(parts.system(), *steps) if steps else (),
        done=SUCCEEDED,
        failed=lambda text: failed(f"Enable failed: {text}"),
    )


def _kind(asked: Asked) -> ActionKind:
    """What it is mainly for: the account before SSH before the disks."""
    for kind, wanted in (
        (ActionKind.CREATE_USER, asked.password and asked.ssh_key),
        (ActionKind.SET_PASSWORD, asked.password),
        (ActionKind.SET_SSH_KEY, asked.ssh_key),
        (ActionKind.REMOVE_USER, asked.remove_user),
        (ActionKind.RESTORE_SSH, asked.restore_ssh),
        (ActionKind.RESET_SSH, asked.reset_ssh),
        (ActionKind.CHECK_DISK, asked.check_disk),
        (ActionKind.REPAIR_DISK, asked.repair_disk),
    ):
        if wanted:
            return kind
    return ActionKind.NOTHING
