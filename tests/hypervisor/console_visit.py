"""A consented console of one VM on a whole gateway, and the people who come to it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.consoles.session import ConsoleSession
from gateway.consoles.states import SessionView
from gateway.demo import CONTOSO
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Vm
from tests.doubles.standing import NODE, Standing, standing_gateway
from tests.hypervisor.gateway_viewer import GatewayViewer

RESOURCE_ID = (
    f"/subscriptions/{CONTOSO}/resourceGroups/real/providers/Microsoft.Compute"
    "/virtualMachines/real01"
)


@dataclass
class Visit:
    """The tenant has consented; nobody has come yet."""

    standing: Standing
    tenants_token: str
    consent_id: str
    folder: Path

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[GatewayViewer]:
        """olga, who steps up, and types into the console."""
        opened = await self._step_up("olga")
        async with self._viewer(ticket=opened["ticket"]) as viewer:
            yield viewer

    @asynccontextmanager
    async def tenant(self) -> AsyncIterator[GatewayViewer]:
        """contoso, who watches the console that an operator has opened."""
        async with self._viewer(token=self.tenants_token) as viewer:
            yield viewer

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """`eva-gateway connect --listen` of olga's, as a program; the port that it offers."""
        account = self.standing.accounts["olga"]
        code = self.standing.code("olga")
        log = self.folder / "connect.log"
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "connect", RESOURCE_ID, "--listen", "0"),
                *("--json", "--user", account.name, "--password-stdin", "--code", str(code)),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
                env=self._environment(),
            )  # fmt: skip
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(f"{account.password}\n".encode())
            process.stdin.close()
            async with asyncio.timeout(60):
                said = await process.stdout.readline()
                assert said == b"{\n", log.read_text()
                said += await process.stdout.readuntil(b"\n}\n")
            yield json.loads(said)["port"]
            assert process.returncode is None, log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def session(self) -> ConsoleSession:
        """The live console session."""
        session = self.standing.gateway.registry.get(self.consent_id)
        assert session is not None
        return session

    async def becomes(self, state: str, within: float = 30.0) -> SessionView:
        """The first view in which the session is in `state`. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            async for view in self.session().changes():
                if view.state.name == state:
                    return view
        raise AssertionError(f"the session ended before it was {state}")

    async def shown_state(self) -> str:
        """The state as the API shows it to the tenant."""
        async with (
            self.standing.api(self.tenants_token) as api,
            api.get("/api/v1/sessions") as response,
        ):
            (session,) = (await response.json())["sessions"]
            return str(session["state"]["name"])

    async def _step_up(self, name: str) -> dict[str, Any]:
        body = {
            "resource_id": RESOURCE_ID,
            "user": name,
            "password": self.standing.accounts[name].password,
            "code": self.standing.code(name),
        }
        async with (
            self.standing.api() as api,
            api.post("/api/v1/consoles", json=body) as response,
        ):
            opened: dict[str, Any] = await response.json()
            assert response.status == 201, opened
            return opened

    @asynccontextmanager
    async def _viewer(self, **credentials: str) -> AsyncIterator[GatewayViewer]:
        base = self.standing.base
        address = f"wss{base.removeprefix('https')}/consoles/{self.consent_id}/stream"
        async with GatewayViewer.opened(
            address, base, self.standing.trust(), **credentials
        ) as viewer:
            await viewer.until(lambda: viewer.connection.ready)
            yield viewer

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "EVA_GATEWAY": self.standing.base,
            "EVA_CA_FILE": str(self.standing.ca_file),
            "XDG_CONFIG_HOME": str(self.folder),
        }


@asynccontextmanager
async def consented_console(
    folder: Path,
    console: ConsoleAddress,
    *,
    guest_agent: str | None = None,
    power: str | None = None,
    **settings: Any,
) -> AsyncIterator[Visit]:
    """A gateway whose only VM has its console at `console`, and contoso's consent to use it."""
    vm = Vm(RESOURCE_ID, CONTOSO, "real01", "linux", NODE)
    machine = Machine(vm, console, guest_agent, power)
    async with standing_gateway(folder, [machine], **settings) as standing:
        token = await standing.token("contoso")
        body = {"resource_id": RESOURCE_ID, "reason": "the VM does not boot"}
        async with (
            standing.api(token) as api,
            api.post("/api/v1/consents", json=body) as response,
        ):
            consent = await response.json()
            assert response.status == 201, consent
        yield Visit(standing, token, consent["id"], folder)


def at_loopback(port: int, **how: Any) -> ConsoleAddress:
    """A console at a loopback port."""
    return ConsoleAddress("vnc", host="127.0.0.1", port=port, **how)
