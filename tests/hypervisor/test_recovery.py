"""Recovery end to end: Resource Manager's request goes in, a real guest does it (E1, E3, E6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from gateway.inventory import ConsoleAddress
from gateway.recovery.calls import Done, Execute
from tests.doubles.tokens import arm_token
from tests.hypervisor.console_visit import RESOURCE_ID, Visit, consented_console
from tests.hypervisor.guest import PASSWORD, USER
from tests.hypervisor.qemu import Qemu
from tests.hypervisor.typed import log_in, shows

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(240)]

EXTENSION = f"{RESOURCE_ID}/extensions/VMAccessForLinux"
NEW_PASSWORD = "over-the-wire-7"  # what can be typed without Shift


class Client:
    """A tenant's program at Resource Manager's endpoint."""

    def __init__(self, visit: Visit, token: str) -> None:
        self._standing, self._token = visit.standing, token

    async def call(self, method: str, address: str, body: Any = None) -> tuple[int, Any]:
        """`address`: a path, or an absolute address of an earlier answer."""
        path = address.removeprefix(self._standing.base)
        if "api-version" not in path:
            path += "?api-version=2024-11-01"
        async with (
            self._standing.api(self._token) as api,
            api.request(method, path, json=body) as response,
        ):
            self.poll = response.headers.get("Azure-AsyncOperation", "")
            return response.status, await response.json(content_type=None)

    async def put(self, settings: dict[str, Any], protected: dict[str, Any] | None = None) -> int:
        properties = {
            "publisher": "Microsoft.OSTCExtensions",
            "type": "VMAccessForLinux",
            "typeHandlerVersion": "1.5",
            "settings": settings,
            "protectedSettings": protected or {},
            "forceUpdateTag": str(id(settings)),
        }
        body = {"location": "local", "properties": properties}
        status, self.answer = await self.call("PUT", EXTENSION, body)
        return status

    async def outcome(self) -> dict[str, Any]:
        """What the operation says once it is over."""
        poll = self.poll
        async with asyncio.timeout(150):
            while True:
                _, said = await self.call("GET", poll)
                if said["status"] != "InProgress":
                    return dict(said)
                await asyncio.sleep(0.3)


@asynccontextmanager
async def tenant_of(
    folder: Path, qemu: Qemu, **settings: Any
) -> AsyncIterator[tuple[Visit, Client]]:
    console = ConsoleAddress("vnc", host="127.0.0.1", port=qemu.port)
    async with consented_console(
        folder,
        console,
        guest_agent=f"qga+unix://{qemu.agent_path}",
        power=f"qmp+unix://{qemu.control_path}",
        **settings,
    ) as visit:
        yield visit, Client(visit, await arm_token(visit.standing, "contoso"))


async def test_a_password_that_was_put_logs_in_at_the_console(
    recovered: Qemu, tmp_path: Path
) -> None:
    secret = {"username": USER, "password": NEW_PASSWORD}
    async with tenant_of(tmp_path, recovered) as (visit, client):
        assert await client.put({}, secret) in (HTTPStatus.OK, HTTPStatus.CREATED)
        assert (await client.outcome())["status"] == "Succeeded"
        async with visit.operator() as operator:
            await shows(operator, recovered, "guest login:")
            await log_in(operator, recovered, USER, NEW_PASSWORD)
            await operator.type("pwd\n")
            await shows(operator, recovered, "/home")
            await operator.type("exit\n")
            await operator.sees(recovered.screendump)
        assert await client.put({}, secret | {"password": PASSWORD}) == HTTPStatus.OK
        assert (await client.outcome())["status"] == "Succeeded"
        assert await client.put({"check_disk": "true"}) == HTTPStatus.OK
        assert (await client.outcome())["status"] == "Succeeded"
        _, shown = await client.call("GET", f"{EXTENSION}?$expand=instanceView&api-version=1.0")
    assert NEW_PASSWORD not in str(shown)


async def test_a_paused_vm_takes_no_extension(recovered: Qemu, tmp_path: Path) -> None:
    async with tenant_of(tmp_path, recovered) as (_, client):
        recovered.qmp.run("stop")
        try:
            assert await client.put({"check_disk": "true"}) == HTTPStatus.CONFLICT
        finally:
            recovered.qmp.run("cont")
    assert client.answer["error"]["code"] == "OperationNotAllowed"


async def test_an_agent_that_is_away_is_told_so_in_the_end(recovered: Qemu, tmp_path: Path) -> None:
    away = "touch /run/no-agent; (sleep 0.3; killall qemu-ga; sleep 15; rm /run/no-agent) &"
    async with tenant_of(tmp_path, recovered, guest_agent_wait_seconds=3) as (visit, client):
        guests = visit.standing.gateway.services.guests
        machine = visit.standing.gateway.inventory.machines()[0]
        async with guests.agent(machine) as agent:
            await agent.perform(Execute("/bin/sh", ("-c", f"({away}) >/dev/null 2>&1")))
        await asyncio.sleep(1)
        assert await client.put({"check_disk": "true"}) in (HTTPStatus.OK, HTTPStatus.CREATED)
        said = await client.outcome()
    assert said["error"]["code"] == "VMAgentStatusCommunicationError"


async def test_what_takes_too_long_times_out(recovered: Qemu, tmp_path: Path) -> None:
    async with tenant_of(tmp_path, recovered, recovery_timeout_seconds=3) as (visit, client):
        guests = visit.standing.gateway.services.guests
        machine = visit.standing.gateway.inventory.machines()[0]
        slow = (
            "set -e; f=$(command -v fsck); mv $f $f.away;"
            "printf '#!/bin/sh\\nsleep 12\\n' > $f; chmod 755 $f"
        )
        back = "f=$(command -v fsck); mv $f.away $f"
        async with guests.agent(machine) as agent:
            assert await agent.perform(Execute("/bin/sh", ("-c", slow))) == Done(0)
        assert await client.put({"check_disk": "true"}) in (HTTPStatus.OK, HTTPStatus.CREATED)
        said = await client.outcome()
        async with guests.agent(machine) as agent:
            assert await agent.perform(Execute("/bin/sh", ("-c", back))) == Done(0)
    assert said["error"]["code"] == "VMExtensionProvisioningTimeout"
