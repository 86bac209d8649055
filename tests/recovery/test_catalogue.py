"""The eight rows of the documentation's table, letter by letter."""

from __future__ import annotations

import pytest

from gateway.errors import ExtensionRefused
from gateway.recovery import catalogue
from gateway.recovery.catalogue import Failure, next_step
from gateway.recovery.handlers import LINUX, WINDOWS


def framed(text: str) -> str:
    return (
        "VM has reported a failure when processing extension 'enablevmaccess' (publisher "
        f"'Microsoft.Compute' and type 'VMAccessAgent'). Error message: '{text}'. More information "
        "on troubleshooting is available at https://aka.ms/vmextensionwindowstroubleshoot"
    )


REFUSALS = [
    (  # E1
        catalogue.vm_not_running(),
        "OperationNotAllowed",
        "CannotModifyExtensionsWhenVMNotRunning",
        "Cannot modify extensions in the VM when the VM is not running.",
    ),
    (  # E8
        catalogue.handler_taken("enablevmaccess", WINDOWS),
        "BadRequest",
        "MultipleExtensionsPerHandlerNotAllowed",
        "Multiple VMExtensions per handler not supported for OS type 'Windows'. VMExtension "
        "'enablevmaccess' with handler 'Microsoft.Compute.VMAccessAgent' already added or "
        "specified in input.",
    ),
]
FAILURES = [
    (  # E2
        catalogue.domain_controller("enablevmaccess", WINDOWS),
        "VMExtensionProvisioningError",
        framed("VMAccess Extension does not support Domain Controller."),
    ),
    (  # E3
        catalogue.silent_agent("myVM"),
        "VMAgentStatusCommunicationError",
        "VM 'myVM' has not reported status for VM agent or extensions. Verify that the OS is up "
        "and healthy, the VM has a running VM agent, and that it can establish outbound "
        "connections to Azure storage.",
    ),
    (  # E4
        catalogue.password_policy("enablevmaccess", WINDOWS),
        "VMExtensionProvisioningError",
        framed(
            "Cannot update Remote Desktop Connection settings for Administrator account. The "
            "password does not meet the password policy requirements. Check the minimum password "
            "length, password complexity, and password history requirements."
        ),
    ),
    (  # E5
        catalogue.empty_password("enablevmaccess", WINDOWS),
        "VMExtensionProvisioningError",
        framed("The Admin User Account password cannot be null or empty if provided the username."),
    ),
    (  # E6
        catalogue.timed_out("enablevmaccess"),
        "VMExtensionProvisioningTimeout",
        "Provisioning of VM extension enablevmaccess has timed out. Extension provisioning has "
        "taken too long to complete. The extension did not report a message.",
    ),
    (  # E7
        catalogue.not_an_administrator("enablevmaccess", WINDOWS, "myuser"),
        "VMExtensionProvisioningError",
        framed(
            "Cannot update Remote Desktop Connection settings for Administrator account. Error: "
            "User account myuser already exists but cannot be updated because it is not in the "
            "Administrators group."
        ),
    ),
]


@pytest.mark.parametrize(("refusal", "code", "inner", "text"), REFUSALS, ids=["E1", "E8"])
def test_a_refusal_has_arms_words(
    refusal: ExtensionRefused, code: str, inner: str, text: str
) -> None:
    assert (refusal.code, refusal.inner, refusal.reason) == (code, inner, text)


@pytest.mark.parametrize(
    ("failure", "code", "text"), FAILURES, ids=["E2", "E3", "E4", "E5", "E6", "E7"]
)
def test_a_failure_has_arms_words(failure: Failure, code: str, text: str) -> None:
    assert (failure.code, failure.message) == (code, text)


def test_a_time_out_says_what_was_said_last() -> None:
    assert catalogue.timed_out("x", last="Set the password").message.endswith(
        'The extension last reported "Set the password".'
    )


def test_linux_has_its_own_frame_and_its_own_rule() -> None:
    message = catalogue.reported("a", LINUX, "Check failed.").message
    assert "(publisher 'Microsoft.OSTCExtensions' and type 'VMAccessForLinux')" in message
    assert message.endswith("https://aka.ms/vmextensionlinuxtroubleshoot")
    assert "OS type 'Linux'" in catalogue.handler_taken("a", LINUX).reason


def test_every_row_has_a_next_step_of_its_own() -> None:
    steps = [next_step(refusal.code, refusal.reason) for refusal, *_ in REFUSALS]
    steps += [next_step(failure.code, failure.message) for failure, *_ in FAILURES]
    steps.append(next_step("", catalogue.outcome_unknown("myVM").message))
    assert len(set(steps)) == len(steps)
    assert "agent's log" not in " ".join(steps)


def test_what_may_have_been_done_is_looked_at_before_it_is_asked_again() -> None:
    for text in (
        catalogue.outcome_unknown("myVM").message,
        "The gateway was restarted: the change may or may not have been made.",
    ):
        assert "before you ask for it again" in next_step(catalogue.NO_STATUS, text)


def test_a_key_that_cannot_be_read_is_asked_for_again() -> None:
    text = "Enable failed: Failed to generate public key file."
    assert "public key" in next_step("VMExtensionProvisioningError", text)


def test_a_failure_that_nobody_foresaw_has_a_next_step_too() -> None:
    assert "log" in next_step("VMExtensionProvisioningError", "something else")
    assert "guest agent" in next_step(catalogue.NO_STATUS, "something else")
