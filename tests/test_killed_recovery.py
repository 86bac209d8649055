"""kill -9 between sending and the answer: the row says unknown, and nothing is sent again."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from gateway.demo import CONTOSO
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Vm
from gateway.recovery.catalogue import UNKNOWN
from tests.doubles.guestagent import SILENCE, FakeAgent, fake_agent
from tests.doubles.ports import free_port
from tests.doubles.standing import NODE, standing_gateway

VM = (
    f"/subscriptions/{CONTOSO}/resourceGroups/real/providers/Microsoft.Compute"
    "/virtualMachines/real01"
)
EXTENSION = f"{VM}/extensions/VMAccessForLinux"
PASSWORD = "never-to-be-seen-7"
REQUEST = {
    "location": "local",
    "properties": {
        "publisher": "Microsoft.OSTCExtensions",
        "type": "VMAccessForLinux",
        "typeHandlerVersion": "1.5",
        "settings": {},
        "protectedSettings": {"username": "bob", "password": PASSWORD},
    },
}


class Served:
    """A gateway in a process of its own, over a state folder that outlives it."""

    def __init__(self, folder: Path, agent: FakeAgent, password: str) -> None:
        self._folder, self._password = folder, password
        self._port = free_port()
        self.base = f"https://localhost:{self._port}"
        inventory = folder / "inventory.toml"
        inventory.write_text(
            f'[[machine]]\nresource_id = "{VM}"\nos = "linux"\nnode = "{NODE}"\n'
            f'console = "vnc+unix:///nowhere"\nguest_agent = "qga+unix://{agent.path}"\n'
        )
        self._environment = os.environ | {
            "EVA_NODE": NODE,
            "EVA_LISTEN": f"127.0.0.1:{self._port}",
            "EVA_PUBLIC_BASE": self.base,
            "EVA_OPERATIONS_LISTEN": f"127.0.0.1:{free_port()}",
            "EVA_STATE_DIRECTORY": str(folder / "state"),
            "EVA_INVENTORY_FILE": str(inventory),
            "EVA_CERTIFICATE_FILE": str(folder / "certs" / "server.pem"),
            "EVA_PRIVATE_KEY_FILE": str(folder / "certs" / "server.key"),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[aiohttp.ClientSession]:
        """The process, and contoso's client; killed with SIGKILL at the end."""
        with (self._folder / "serve.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "serve"),
                env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        trust = ssl.create_default_context(cafile=self._folder / "certs" / "ca.pem")
        connector = aiohttp.TCPConnector(ssl=trust)
        try:
            async with aiohttp.ClientSession(self.base, connector=connector) as client:
                await self._sign_in(client)
                yield client
        finally:
            process.kill()
            await process.wait()

    async def _sign_in(self, client: aiohttp.ClientSession) -> None:
        form = {"grant_type": "password", "client_id": "test", "username": "contoso",
                "password": self._password, "scope": f"{self.base}/.default"}  # fmt: skip
        await self._listens()
        async with client.post("/adfs/oauth2/token", data=form) as answer:
            token = (await answer.json())["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

    async def _listens(self) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.2)
                else:
                    writer.close()
                    return

    def log(self) -> str:
        return (self._folder / "serve.log").read_text()


async def call(
    client: aiohttp.ClientSession, method: str, path: str, body: Any = None, expand: str = ""
) -> Any:
    address = f"{path}?api-version=2024-11-01&$expand={expand}"
    async with client.request(method, address, json=body) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


async def heard(agent: FakeAgent, command: str) -> None:
    async with asyncio.timeout(60):
        while command not in agent.commands():
            await asyncio.sleep(0.05)


async def test_what_was_sent_when_the_gateway_was_killed_is_unknown_and_not_sent_again(
    tmp_path: Path,
) -> None:
    vm = Vm(VM, CONTOSO, "real01", "linux", NODE)
    machine = Machine(vm, ConsoleAddress("vnc+unix", path="/nowhere"))
    async with standing_gateway(tmp_path, [machine]) as standing:
        password = standing.accounts["contoso"].password
    async with fake_agent(tmp_path) as agent:
        agent.answers |= {
            "guest-info": [{"version": "7.2", "supported_commands": []}],
            "guest-get-osinfo": [{"id": "debian", "name": "Debian", "version-id": "12"}],
            "guest-exec": [{"pid": 1}],
            "guest-exec-status": [{"exited": True, "exitcode": 0}],
            "guest-set-user-password": [SILENCE],
        }
        served = Served(tmp_path, agent, password)
        async with served.running() as client:
            await call(client, "PUT", EXTENSION, REQUEST)
            await heard(agent, "guest-set-user-password")
        before = agent.commands()
        async with served.running() as client:
            shown = await call(client, "GET", EXTENSION, expand="instanceView")
            async with client.get("/api/v1/recoveries") as answer:
                assert answer.status == 401  # the token is for Resource Manager alone
            await asyncio.sleep(7)  # the queue looks every 5 s
        assert agent.commands().count("guest-set-user-password") == 1
        assert set(agent.commands()[len(before) :]) <= {"guest-info", "guest-get-osinfo"}
    assert shown["properties"]["provisioningState"] == "Failed"
    (status,) = shown["properties"]["instanceView"]["statuses"]
    assert UNKNOWN in status["message"]
    assert PASSWORD not in served.log() + str(shown)
