"""Every backend of ours keeps the promises that others' are held to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.rdp.servers import PASSWORD, USER
from tests.conformance.consoles import BY_FREERDP, CONSOLES, REAL
from tests.conformance.suite import BRIEFLY, IN_SHORT, ROOT, check_name, run_suite

# What cannot be asked of a kind, by the check that says so itself.
WITHOUT_HOST = {
    "test_an_address_that_is_no_console_is_refused", "test_a_name_that_leads_there_is_refused",
    "test_nobody_listens", "test_a_host_that_is_not_there", "test_byte_by_byte", "test_a_slow_way",
    "test_the_way_is_cut_while_dialling", "test_the_way_is_cut_while_shown",
    "test_the_way_falls_silent_while_shown",
}  # fmt: skip
WITHOUT_SECRET = {
    "test_an_address_holds_no_secret", "test_no_log_says_a_secret",
    "test_a_refused_login_says_no_secret", "test_no_child_is_told_a_secret_in_the_open",
}  # fmt: skip
POWERLESS = {"test_power_is_told", "test_power_of_a_host_that_is_not_there"}
MAY_SKIP = {
    "qemu": WITHOUT_HOST | WITHOUT_SECRET | POWERLESS,
    "wss": POWERLESS,
    "rdp": POWERLESS,
    "hyperv": POWERLESS,  # WinRM, of which the double has none
    "demo": WITHOUT_HOST | WITHOUT_SECRET | POWERLESS,
    "libvirt": WITHOUT_HOST | WITHOUT_SECRET | {"test_power_of_a_host_that_is_not_there"},
}
WITHOUT_CHILD = {"test_no_child_is_told_a_secret_in_the_open"}
# RDP consoles have no name of their own that could be looked at.
RDP = {"test_a_refused_dial_leaves_nothing"}
# Another way to sign in to what was asked everything already.
OTHER_LOGINS = {"proxmox-user", "openstack-credential"}
# Nova's proxy is somewhere else than Keystone.
OPENSTACK = {"test_the_way_is_cut_while_shown", "test_the_way_falls_silent_while_shown"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name: a Unix socket's path has at most 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="eva-", dir="/tmp"))
    made.chmod(0o711)  # libvirtd may run as somebody else
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.hypervisor] if name in REAL else [])
        for name in CONSOLES
    ],
)
async def test_our_own_keep_them(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "accounts").write_text(f":{USER}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(folder / "accounts"))  # the Hyper-V double's
    plugin = ("-p", "tests.conformance.demo_here") if name == "demo" else ()
    async with CONSOLES[name](folder) as entries:
        how: tuple[str, ...] = IN_SHORT if name in BY_FREERDP else BRIEFLY
        if name in OTHER_LOGINS:
            how += ("-k", "test_dial or test_secrets")
        report = await run_suite(folder, entries, *how, *plugin, path=[ROOT])
    assert report.status == 0, report
    assert not report.failed, report
    may_skip = MAY_SKIP.get(name, set()) | (RDP if name in BY_FREERDP else WITHOUT_CHILD)
    if name.startswith("openstack"):
        may_skip |= OPENSTACK
    unasked = {
        each: why for each, why in report.skipped.items() if check_name(each) not in may_skip
    }
    assert not unasked
    assert (8 if name in OTHER_LOGINS else 30) <= len(report.passed)
