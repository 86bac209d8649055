"""A Hyper-V console from the blob to the picture, against a host's double and a real RDP server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.backends import Backends, Target
from gateway.backends.rdp import RdpBackend
from gateway.errors import (
    AccountRefused,
    MachineOff,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from gateway.inventory import Machine
from gateway.policy.facts import Power
from tests.backends.rdp.listener import Listener
from tests.backends.rdp.servers import PASSWORD, USER, Shadow, rdp_machine
from tests.backends.rdp.test_servers import Q, heard, press, screen_equals
from tests.doubles.authority import Authority
from tests.doubles.folders import NewFolder
from tests.doubles.hypervhost import HyperVHost
from tests.doubles.rdphost import HYBRID
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.xservers import Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(60)]

VM = "efd1efab-c750-4262-b1bb-af0f7733bdd6"
OTHER = "c824f53e-95d2-46c6-9a18-23a5bb403532"


@pytest.fixture
def shadow(new_folder: NewFolder, behind: Xvnc) -> Iterator[Shadow]:
    server = Shadow(new_folder(), behind, nla=False)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "accounts").write_text(f":{USER}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(tmp_path / "accounts"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def console(
    host: HyperVHost, authority: Authority, vm: str = VM, password: str = PASSWORD
) -> Machine:
    return rdp_machine(host.port, authority.pin, password, vm=vm)


async def test_a_console_by_way_of_the_blob(
    shadow: Shadow, behind: Xvnc, backends: Backends, authority: Authority
) -> None:
    listener = Listener(behind.display)
    async with HyperVHost(authority, VM, (USER, PASSWORD), shadow.port) as host:
        dialled = await backends.dial(console(host, authority), ignore)
        assert host.told.steps == ["blob", "TLS", "CredSSP", "X.224"]
        assert (host.told.user, host.told.password) == (USER, PASSWORD)
        assert host.told.requested & HYBRID
        assert host.told.selected == HYBRID
        async with Watching(dialled) as screen:
            screen.point(2, 2)
            assert await screen_equals(screen, behind)
            press(screen, Q)
            await listener.until(lambda: len(listener.keys) == 2)
            assert listener.keys == heard(Q)
            for size in ((800, 600), (1280, 720)):
                behind.run("xrandr", "--size", f"{size[0]}x{size[1]}")
                listener.paint(size[0])  # freerdp-shadow looks at the size when something is
                await screen.until(lambda: screen.size == size)  # noqa: B023
                assert await screen_equals(screen, behind)
    listener.close()


async def test_an_unknown_vm(backends: Backends, authority: Authority) -> None:
    async with HyperVHost(authority, VM, (USER, PASSWORD), None) as host:
        with pytest.raises(UpstreamRefused, match="it knows no VM of this id"):
            await backends.dial(console(host, authority, OTHER), ignore)
        assert host.told.steps == ["no such VM"]


async def test_a_wrong_password(backends: Backends, authority: Authority) -> None:
    async with HyperVHost(authority, VM, (USER, PASSWORD), None) as host:
        with pytest.raises(AccountRefused, match="refused the account: unknown user or wrong"):
            await backends.dial(console(host, authority, password="wrong"), ignore)
        assert host.told.steps == ["blob", "TLS", "refused"]
        assert host.told.password == ""


async def test_a_vm_without_a_console(backends: Backends, authority: Authority) -> None:
    async with HyperVHost(authority, VM, (USER, PASSWORD), None) as host:
        with pytest.raises(UpstreamRefused, match="it may be turned off or shielded"):
            await backends.dial(console(host, authority), ignore)
        assert host.told.steps == ["blob", "TLS", "CredSSP", "X.224"]


class _Told(RdpBackend):
    """Whose host tells whether the VM runs: `test_winrm` shows how."""

    def __init__(self, power: Power) -> None:
        super().__init__()
        self._told = power

    async def power(self, target: Target) -> Power:
        assert target.console.scheme == "hyperv"
        return self._told


@pytest.mark.parametrize(
    ("power", "kind", "told"),
    [
        (Power.OFF, MachineOff, "the VM is turned off"),
        (Power.RUNNING, UpstreamRefused, "it may be shielded"),
        (Power.UNKNOWN, UpstreamRefused, "it may be turned off or shielded"),
    ],
)
async def test_a_vm_that_is_off_is_told_from_a_shielded_one_by_its_power(
    authority: Authority, power: Power, kind: type[UpstreamError], told: str
) -> None:
    dialler = Backends({"hyperv": _Told(power)})
    async with HyperVHost(authority, VM, (USER, PASSWORD), None) as host:
        with pytest.raises(kind, match=told) as caught:
            await dialler.dial(console(host, authority), ignore)
        assert isinstance(caught.value, MachineOff) == (power is Power.OFF)


async def test_a_changed_key(backends: Backends, authority: Authority, tmp_path: Path) -> None:
    before = Authority(tmp_path / "before")
    async with HyperVHost(authority, VM, (USER, PASSWORD), None) as host:
        with pytest.raises(UpstreamRefused, match="certificate is not the one"):
            await backends.dial(console(host, before), ignore)
        assert "CredSSP" not in host.told.steps
        assert host.told.user == ""


async def test_an_ordinary_rdp_client_is_no_console(
    backends: Backends, authority: Authority
) -> None:
    """The double itself: X.224 first is not what a Hyper-V host hears."""
    async with HyperVHost(authority, VM, (USER, PASSWORD), None) as host:
        with pytest.raises(UpstreamUnreachable, match="may not speak RDP"):
            await backends.dial(rdp_machine(host.port, authority.pin), ignore)
        assert "TLS" not in host.told.steps
