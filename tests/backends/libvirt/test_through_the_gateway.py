"""A libvirt VM's console on a whole gateway: its viewers stay while the VM goes and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.inventory import ConsoleAddress
from tests.backends.libvirt.libvirtd import Domain
from tests.hypervisor.console_visit import Visit, consented_console
from tests.hypervisor.programs import wait_for
from tests.hypervisor.test_through_the_gateway import holds

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]


async def test_a_console_lasts_through_off_and_on(web01: Domain, tmp_path: Path) -> None:
    console = web01.here().console
    assert isinstance(console, ConsoleAddress)
    async with (
        consented_console(tmp_path, console) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        await operator.type("before")
        await holds(operator, web01, "before")  # type: ignore[arg-type]
        for viewer in (operator, tenant):
            await viewer.sees(web01.screendump)
        await power_becomes(visit, "running")
        web01.destroy()
        await visit.becomes("off")
        await power_becomes(visit, "off")
        web01.start()
        await visit.becomes("live", 60)  # who is off is asked again every 15 s
        wait_for(web01.booted, "the guest")
        await operator.type("after")
        await holds(operator, web01, "after")  # type: ignore[arg-type]
        for viewer in (operator, tenant):
            await viewer.sees(web01.screendump)
            assert viewer.open


async def power_becomes(visit: Visit, power: str) -> None:
    """As recoveries and Azure's API are told it; an answer holds for some seconds."""
    gateway = visit.standing.gateway
    (machine,) = gateway.inventory.machines()
    async with asyncio.timeout(30):
        while await gateway.services.guests.power(machine) != power:
            await asyncio.sleep(0.5)
