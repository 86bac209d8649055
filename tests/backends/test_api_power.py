"""Whether a VM runs, as each hypervisor's API tells it, and how little a bad answer can do."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from gateway.backends import backends_of
from gateway.backends.dialling import PowerAware
from gateway.errors import AccountRefused, UpstreamError, UpstreamRefused, UpstreamUnreachable
from gateway.inventory import Machine
from gateway.policy.facts import Power
from tests.doubles.apiworld import KINDS, backends, world_of
from tests.doubles.authority import Authority

TELLING = ("proxmox", "proxmox-user", "kubevirt", "openstack", "openstack-credential", "xenserver")


async def ask(machine: Machine) -> Power:
    """The backend itself, without what `Backends` makes of its failures."""
    backend = backends_of(KINDS)[machine.console.scheme]
    assert isinstance(backend, PowerAware)
    async with asyncio.timeout(30):
        return await backend.power(machine)


@pytest.mark.parametrize(
    ("kind", "change", "power"),
    [
        ("proxmox", {}, Power.RUNNING),
        ("proxmox-user", {}, Power.RUNNING),
        ("proxmox", {"qmp_status": None}, Power.RUNNING),
        ("proxmox", {"qmp_status": "paused"}, Power.PAUSED),
        ("proxmox", {"qmp_status": "io-error"}, Power.PAUSED),
        ("proxmox", {"on": False}, Power.OFF),
        ("proxmox", {"qmp_status": "shutdown"}, Power.OFF),
        ("proxmox", {"qmp_status": ["running"]}, Power.UNKNOWN),
        ("kubevirt", {}, Power.RUNNING),
        ("kubevirt", {"printable": "Migrating"}, Power.RUNNING),
        ("kubevirt", {"printable": "Paused"}, Power.PAUSED),
        ("kubevirt", {"phase": None}, Power.OFF),
        ("kubevirt", {"printable": "ErrorUnschedulable"}, Power.OFF),
        ("kubevirt", {"printable": "Starting"}, Power.UNKNOWN),
        ("kubevirt", {"printable": ["Running"]}, Power.UNKNOWN),
        ("openstack", {}, Power.RUNNING),
        ("openstack-credential", {}, Power.RUNNING),
        ("openstack", {"power_state": 3}, Power.PAUSED),
        ("openstack", {"power_state": 4}, Power.OFF),
        ("openstack", {"status": "SHELVED_OFFLOADED", "power_state": 0}, Power.OFF),
        ("openstack", {"power_state": 0}, Power.UNKNOWN),
        ("openstack", {"power_state": True}, Power.UNKNOWN),
        ("openstack", {"power_state": {}}, Power.UNKNOWN),
        ("xenserver", {}, Power.RUNNING),
        ("xenserver", {"state": "Paused"}, Power.PAUSED),
        ("xenserver", {"state": "Halted"}, Power.OFF),
        ("xenserver", {"state": "Suspended"}, Power.OFF),
        ("xenserver", {"state": "Dreaming"}, Power.UNKNOWN),
        ("xenserver", {"state": ["Running"]}, Power.UNKNOWN),
    ],
)
async def test_the_api_tells_the_power(
    tmp_path: Path, kind: str, change: dict[str, Any], power: Power
) -> None:
    async with world_of(kind, tmp_path) as world:
        vars(world.api).update(change)
        assert await ask(world.machine()) is power
        assert await backends().power(world.machine()) is power
        assert world.api.opened == 0


@pytest.mark.parametrize("kind", TELLING)
async def test_the_wrong_secret_tells_nothing_and_is_not_tried_again(
    tmp_path: Path, kind: str
) -> None:
    async with world_of(kind, tmp_path) as world:
        (tmp_path / "wrong").write_text("wrong-canary")
        machine = world.machine(password_file=f'"{tmp_path / "wrong"}"')
        with pytest.raises(UpstreamRefused if kind == "kubevirt" else AccountRefused) as caught:
            await ask(machine)
        assert "canary" not in str(caught.value)
        world.api.asked.clear()
        dialler = backends()
        for _ in range(3):
            assert await dialler.power(machine) is Power.UNKNOWN
        assert len(world.api.asked) == 1


@pytest.mark.parametrize(
    ("kind", "change"),
    [("proxmox", {"may_look": False}), ("kubevirt", {"may_look": False})],
)
async def test_an_account_that_may_not_look_tells_nothing(
    tmp_path: Path, kind: str, change: dict[str, Any]
) -> None:
    async with world_of(kind, tmp_path) as world:
        vars(world.api).update(change)
        with pytest.raises(UpstreamRefused, match="does not tell"):
            await ask(world.machine())


@pytest.mark.parametrize("garbage", [b"", b"[]", b'{"data": []}', b"[" * 100_000, b" " * 2**21])
@pytest.mark.parametrize("kind", TELLING)
async def test_nonsense_tells_nothing(tmp_path: Path, kind: str, garbage: bytes) -> None:
    async with world_of(kind, tmp_path) as world:
        world.api.garbage = garbage
        with contextlib.suppress(UpstreamError):
            assert await ask(world.machine()) is Power.UNKNOWN


@pytest.mark.parametrize("kind", TELLING)
async def test_power_is_asked_under_the_rules_of_a_dial(tmp_path: Path, kind: str) -> None:
    """The certificate before the first question, no redirect, and an error of a known kind."""
    async with world_of(kind, tmp_path) as world:
        for bad in (
            world.machine(ca_file=""),
            world.machine(pin=f'"{Authority(tmp_path / "other").pin}"'),
        ):
            with pytest.raises(UpstreamRefused, match="certificate"):
                await ask(bad)
        assert world.api.asked == []
        world.api.redirect = "https://elsewhere.example/"
        with pytest.raises(UpstreamRefused, match="never followed"):
            await ask(world.machine())
        machine = world.machine()
        await world.api.__aexit__(None, None, None)
        with pytest.raises(UpstreamUnreachable):
            await ask(machine)
        await world.api.__aenter__()


@pytest.mark.parametrize("kind", TELLING)
async def test_asking_leaves_nothing_behind(tmp_path: Path, kind: str) -> None:
    async with world_of(kind, tmp_path) as world:
        machine = world.machine()
        await ask(machine)
        tasks = len(asyncio.all_tasks())
        for _ in range(20):
            await ask(machine)
        async with asyncio.timeout(30):
            while tasks < len(asyncio.all_tasks()):
                await asyncio.sleep(0.01)


async def test_an_endpoint_that_is_handed_out_is_judged_for_power_too(tmp_path: Path) -> None:
    async with world_of("openstack", tmp_path) as world:
        world.api.compute_url = "https://169.254.169.254/v2.1"
        with pytest.raises(UpstreamRefused, match="may not be dialled"):
            await ask(world.machine())
