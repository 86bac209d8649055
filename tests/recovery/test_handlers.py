"""Which handlers there are, and which version a client gets."""

from __future__ import annotations

import pytest

from gateway.errors import ExtensionRefused, InvalidInput
from gateway.recovery.handlers import (
    HANDLERS,
    LINUX,
    WINDOWS,
    GuestOs,
    find_handler,
    handler_for,
    resolve_version,
)


def test_a_handler_is_found_whatever_the_case() -> None:
    assert find_handler("microsoft.COMPUTE", "vmaccessagent") is WINDOWS
    assert find_handler("Microsoft.OSTCExtensions", "VMACCESSFORLINUX") is LINUX
    assert find_handler("Microsoft.Compute", "VMAccessForLinux") is None
    assert find_handler("Microsoft.Compute", "CustomScriptExtension") is None


def test_each_system_has_one_handler() -> None:
    assert [handler_for(os) for os in GuestOs] == list(HANDLERS)
    assert WINDOWS.full_name == "Microsoft.Compute.VMAccessAgent"
    assert LINUX.full_name == "Microsoft.OSTCExtensions.VMAccessForLinux"


@pytest.mark.parametrize(
    ("wanted", "auto_upgrade", "expected"),
    [
        ("2.0", True, "2.4.11"),  # the seed's commands
        ("2.4", True, "2.4.11"),  # what the az command pins
        ("2.4", False, "2.4.11"),
        ("2.4.11", False, "2.4.11"),
        ("2.4.2", True, "2.4.11"),
    ],
)
def test_the_newest_version_that_satisfies_is_taken(
    wanted: str, auto_upgrade: bool, expected: str
) -> None:
    assert resolve_version(WINDOWS, wanted, auto_upgrade=auto_upgrade) == expected


@pytest.mark.parametrize(
    ("wanted", "auto_upgrade"),
    [
        ("2.0", False),
        ("1.0", True),
        ("3.0", True),
        ("2.5", True),
        ("2.40", False),
        ("2.4.2", False),
    ],
)
def test_a_version_that_nobody_has_is_refused_in_arms_words(
    wanted: str, auto_upgrade: bool
) -> None:
    with pytest.raises(ExtensionRefused) as refusal:
        resolve_version(WINDOWS, wanted, auto_upgrade=auto_upgrade)
    assert refusal.value.code == "ArtifactVersionNotFound"
    assert refusal.value.reason == (
        "No version found in the artifact repository that satisfies the requested version "
        f"'{wanted}' for VM extension with publisher 'Microsoft.Compute' and type 'VMAccessAgent'."
    )


@pytest.mark.parametrize("wanted", ["", "2", "two", "2.", "2.4.11.0.1", "2.4 ", "-2.4", "2.٤"])
def test_what_is_no_version_is_a_bad_value(wanted: str) -> None:
    with pytest.raises(InvalidInput, match="typeHandlerVersion"):
        resolve_version(WINDOWS, wanted, auto_upgrade=True)
