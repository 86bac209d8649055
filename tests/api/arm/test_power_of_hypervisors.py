"""Whether a VM runs, from a hypervisor's API to Resource Manager's clients, on a whole gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.backends.power import PowerDesk
from gateway.inventory import Machine
from tests.actions.world import machine
from tests.doubles.apiworld import World, world_of
from tests.doubles.standing import Standing, standing_gateway
from tests.doubles.tokens import arm_token

CONTOSO = "c0115050-0000-4000-8000-000000000001"  # the demo's, which is enabled
MANY = 30  # the double tells the power of each VM that it is asked for


@dataclass
class Scene:
    standing: Standing
    world: World
    machines: list[Machine]
    token: str

    async def ask(self, method: str, path: str, version: str, **more: Any) -> tuple[int, Any]:
        connector = aiohttp.TCPConnector(ssl=self.standing.trust())
        headers = {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(self.standing.base, connector=connector) as client,
            client.request(
                method, path, params={"api-version": version}, headers=headers, **more
            ) as response,
        ):
            return response.status, await response.json()

    async def power(self, vm: Machine) -> str:
        status, view = await self.ask("GET", f"{vm.vm.resource_id}/instanceView", "2024-07-01")
        assert status == 200, view
        (code,) = (s["code"] for s in view["statuses"] if s["code"].startswith("PowerState/"))
        return str(code)


@asynccontextmanager
async def scene(kind: str, folder: Path, names: tuple[str, ...] = ("",)) -> AsyncIterator[Scene]:
    """A VM for each of `names`, which stand behind the address of the double's own VM."""
    async with world_of(kind, folder) as world:
        console = world.machine().console
        machines = [
            replace(
                machine(CONTOSO, f"web01{name}"),
                console=replace(console, path=f"{console.path}{name}"),
                power=None,
            )
            for name in names
        ]
        async with standing_gateway(folder / "gateway", machines) as standing:
            yield Scene(standing, world, machines, await arm_token(standing, "contoso"))


@pytest.fixture(autouse=True)
def _answers_hold_for_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gateway.backends.dialling.PowerDesk", lambda: PowerDesk(lifetime=0, failure_lifetime=0)
    )


@pytest.mark.parametrize(
    ("kind", "off", "on"),
    [
        ("proxmox", {"on": False}, {"on": True}),
        ("xenserver", {"state": "Halted"}, {"state": "Running"}),
    ],
)
async def test_what_the_hypervisor_says_is_what_clients_read(
    tmp_path: Path, kind: str, off: dict[str, Any], on: dict[str, Any]
) -> None:
    async with scene(kind, tmp_path) as on_stage:
        vm, api = on_stage.machines[0], on_stage.world.api
        assert await on_stage.power(vm) == "PowerState/running"
        vars(api).update(off)
        assert await on_stage.power(vm) == "PowerState/stopped"
        path = f"{vm.vm.resource_id}/extensions/enablevmaccess"
        properties = {
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.5",
            "protectedSettings": {"username": "ops", "password": "Secret-1234"},
        }
        body = {"location": "local", "properties": properties}
        status, refusal = await on_stage.ask("PUT", path, "2024-07-01", json=body)
        assert (status, refusal["error"]["code"]) == (409, "OperationNotAllowed")
        vars(api).update(on)
        assert await on_stage.power(vm) == "PowerState/running"
        await api.__aexit__(None, None, None)
        assert await on_stage.power(vm) == "PowerState/unknown"
        await api.__aenter__()


async def test_a_client_that_looks_at_every_vm_at_once_asks_gently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `az vm list --show-details` does."""
    monkeypatch.setattr("gateway.guests.guests._POWER_PATIENCE", 60)
    names = tuple(str(number) for number in range(MANY))
    async with scene("proxmox", tmp_path, names) as on_stage:
        api, gate = on_stage.world.api, asyncio.Event()
        reply, waiting = api.reply, 0

        async def held(request: Any) -> Any:
            nonlocal waiting
            waiting += 1
            await gate.wait()
            return await reply(request)

        api.reply = held
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(on_stage.power(vm)) for vm in on_stage.machines]
            async with asyncio.timeout(30):
                while waiting < 4:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(1)  # all the others come, as far as they are let
            assert waiting == 4
            gate.set()
        assert {task.result() for task in asking} == {"PowerState/running"}
