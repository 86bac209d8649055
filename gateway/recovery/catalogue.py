"""The errors of the VMAccess documentation, word for word, and what people can do about each.

E1 and E8 are refusals: the request itself fails. E2 to E7 are failures: the request is accepted,
and what became of it is read later, from its operation or from the extension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.errors import ExtensionRefused
from gateway.recovery.handlers import GuestOs, Handler

PROVISIONING: Final = "VMExtensionProvisioningError"
TIMEOUT: Final = "VMExtensionProvisioningTimeout"
NO_STATUS: Final = "VMAgentStatusCommunicationError"

_LINK: Final = {
    GuestOs.WINDOWS: "https://aka.ms/vmextensionwindowstroubleshoot",
    GuestOs.LINUX: "https://aka.ms/vmextensionlinuxtroubleshoot",
}
_OS_TYPE: Final = {GuestOs.WINDOWS: "Windows", GuestOs.LINUX: "Linux"}

DOMAIN_CONTROLLER: Final = "VMAccess Extension does not support Domain Controller."
POLICY_REFUSAL: Final = (
    "Cannot update Remote Desktop Connection settings for Administrator account. The password "
    "does not meet the password policy requirements. Check the minimum password length, password "
    "complexity, and password history requirements."
)
NOTHING_GIVEN: Final = (
    "The Admin User Account password cannot be null or empty if provided the username."
)
CANNOT_UPDATE: Final = (
    "Cannot update Remote Desktop Connection settings for Administrator account. Error: "
)
NOT_RUNNING: Final = "Cannot modify extensions in the VM when the VM is not running."
_NOT_ADMINISTRATOR: Final = (
    "already exists but cannot be updated because it is not in the Administrators group."
)
# Said of whatever ends as unknown, here and where a restart cut it short.
UNKNOWN: Final = "may or may not have been made"


@dataclass(frozen=True, slots=True)
class Failure:
    """How a recovery action failed: Resource Manager's code, and the message as clients show it."""

    code: str
    message: str


def vm_not_running() -> ExtensionRefused:
    """E1: extensions are changed in running VMs only. Also when one is to be removed."""
    return ExtensionRefused(
        "OperationNotAllowed", NOT_RUNNING, inner="CannotModifyExtensionsWhenVMNotRunning"
    )


def domain_controller(name: str, handler: Handler) -> Failure:
    """E2: the guest is a domain controller; its accounts are the domain's."""
    return reported(name, handler, DOMAIN_CONTROLLER)


def silent_agent(vm_name: str) -> Failure:
    """E3: nobody answered in time; nothing was asked of the guest."""
    return Failure(
        NO_STATUS,
        f"VM '{vm_name}' has not reported status for VM agent or extensions. Verify that the OS "
        "is up and healthy, the VM has a running VM agent, and that it can establish outbound "
        "connections to Azure storage.",
    )


def password_policy(name: str, handler: Handler) -> Failure:
    """E4: the guest's own policy turned the password down."""
    return reported(name, handler, POLICY_REFUSAL)


def empty_password(name: str, handler: Handler) -> Failure:
    """E5: a user was named without a password."""
    return reported(name, handler, NOTHING_GIVEN)


def timed_out(name: str, *, last: str | None = None) -> Failure:
    """E6: it took too long. `last` is what the extension last said, where it said anything."""
    said = (
        "The extension did not report a message."
        if last is None
        else f'The extension last reported "{last}".'
    )
    return Failure(
        TIMEOUT,
        f"Provisioning of VM extension {name} has timed out. Extension provisioning has taken too "
        f"long to complete. {said}",
    )


def not_an_administrator(name: str, handler: Handler, user: str) -> Failure:
    """E7: that user exists, and making it an administrator is not ours to decide."""
    return reported(name, handler, f"{CANNOT_UPDATE}User account {user} {_NOT_ADMINISTRATOR}")


def handler_taken(name: str, handler: Handler) -> ExtensionRefused:
    """E8: one extension per handler; `name` is the one that has it."""
    return ExtensionRefused(
        "BadRequest",
        f"Multiple VMExtensions per handler not supported for OS type '{_OS_TYPE[handler.os]}'. "
        f"VMExtension '{name}' with handler '{handler.full_name}' already added or specified in "
        "input.",
        inner="MultipleExtensionsPerHandlerNotAllowed",
    )


def reported(name: str, handler: Handler, text: str) -> Failure:
    """What a handler reported of extension `name`, in the frame that clients know."""
    return Failure(
        PROVISIONING,
        f"VM has reported a failure when processing extension '{name}' (publisher "
        f"'{handler.publisher}' and type '{handler.type}'). Error message: '{text}'. More "
        f"information on troubleshooting is available at {_LINK[handler.os]}",
    )


def outcome_unknown(vm_name: str) -> Failure:
    """Ours, not the documentation's: it was sent, and nobody knows what became of it."""
    return Failure(
        NO_STATUS,
        f"VM '{vm_name}' fell silent after the request was sent; the change {UNKNOWN}. It was not "
        "sent again.",
    )


# What a message says, and what to do then. The first that fits; the last words fit any failure.
_NEXT_STEPS: Final = (
    (NOT_RUNNING, "Start the VM, wait until it runs, and try again."),
    (
        DOMAIN_CONTROLLER,
        "The accounts of a domain controller are the domain's: reset the password there, or sign "
        "in at the console.",
    ),
    (
        "does not meet the password policy",
        "Choose a longer password with letters of both cases, digits and signs, which was not used "
        "on this VM before, and try again.",
    ),
    (NOTHING_GIVEN, "Enter a password for that user and try again."),
    (
        _NOT_ADMINISTRATOR,
        "Name a user who is an administrator of the VM, or a new name to have one created, or add "
        "that user to the Administrators group at the console.",
    ),
    (
        "has not reported status",
        "Look at the console: is the system up, and does its guest agent run? Then try again.",
    ),
    (
        "has timed out",
        "Look at the console and at the VM's load before you try again: part of it may have been "
        "done.",
    ),
    (
        UNKNOWN,
        "Look at the console to see whether the change was made before you ask for it again.",
    ),
    (
        "Multiple VMExtensions per handler",
        "Update the extension that exists, or remove it, and try again.",
    ),
    (
        "Failed to generate public key file.",
        "Give a public key on one line that begins with ssh-ed25519 or ssh-rsa, and try again.",
    ),
    ("Check failed.", "Look at the console, or repair the disk while it is not in use."),
    (
        "Repair failed.",
        "Look at the name of the disk, and at the console for what keeps it in use.",
    ),
)
_ANY_NEXT_STEP: Final = "Look at the agent's log and at the console, then try again."


def next_step(code: str, message: str) -> str:
    """What people can do after a failure of that code and message; the words hold no secret."""
    for words, step in _NEXT_STEPS:
        if words in message:
            return step
    if code == NO_STATUS:
        return "Check that the guest agent runs, then try again."
    return _ANY_NEXT_STEP
