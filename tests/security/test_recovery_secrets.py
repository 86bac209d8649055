"""What recovery and programs' sign-ins are trusted with stays where it belongs (SECURITY I3)."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from typing import Any

import pytest

from gateway.backends import load_kinds
from gateway.backends.demo import DemoBackend, DemoHypervisor
from gateway.demo import CONTOSO
from gateway.guests.demo import demo_kind
from gateway.inventory import Inventory
from tests.doubles.standing import NODE, Standing, standing_gateway
from tests.doubles.tokens import AZURE_CLI, arm_tokens, ask_for_token, credential

COMPUTE = f"/subscriptions/{CONTOSO}/resourceGroups/demo/providers/Microsoft.Compute"
RESOURCES = f"/subscriptions/{CONTOSO}/resourceGroups/demo/providers/Microsoft.Resources"
# It is also in the log and the audit log, where its absence would show that we look elsewhere.
MADE_USER = "canaryuser"


def canary() -> str:
    """A password that any policy takes, and that is found nowhere by chance."""
    return f"Aa1-{secrets.token_hex(10)}"


class Evening:
    """One tenant's programs at work; every answer is kept."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.answers: list[str] = []

    async def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        path = path.removeprefix(self.standing.base)
        if "api-version" not in path and not path.startswith("/api/"):
            path += f"{'&' if '?' in path else '?'}api-version=2024-11-01"
        async with (
            self.standing.api(token) as api,
            api.request(method, path, json=body) as answer,
        ):
            text = await answer.text()
            self.answers.append(f"{answer.headers}{text}")
            self.poll = answer.headers.get("Azure-AsyncOperation", "")
            return await answer.json(content_type=None)

    async def settle(self, token: str) -> str:
        poll = self.poll
        async with asyncio.timeout(60):
            while True:
                said = await self.call("GET", poll, token=token)
                if said["status"] not in {"InProgress", "Running", "Accepted"}:
                    return str(said["status"])
                await asyncio.sleep(0.1)


def extension(user: str, password: str) -> dict[str, Any]:
    return {
        "location": "local",
        "properties": {
            "publisher": "Microsoft.Compute",
            "type": "VMAccessAgent",
            "typeHandlerVersion": "2.4",
            "settings": {"username": user},
            "protectedSettings": {"password": password},
        },
    }


def deployment(password: str) -> dict[str, Any]:
    nested = extension(MADE_USER, "[parameters('secret')]")
    resource = {
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "name": "win01/VMAccessAgent",
        "apiVersion": "2023-09-01",
        **nested,
    }
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"secret": {"type": "securestring"}},
        "resources": [resource],
    }
    return {
        "properties": {
            "mode": "Incremental",
            "template": template,
            "parameters": {"secret": {"value": password}},
        }
    }


async def test_an_evening_of_recoveries_leaves_no_secret_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """T20: by extension, template, page's API; done, refused by the guest, and still waiting."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # as configure_logs has it
    put, weak, deployed, started, waiting = (
        canary(),
        f"weak{secrets.token_hex(3)}",
        *(canary() for _ in range(3)),
    )
    hypervisor = DemoHypervisor(pace=0)
    await hypervisor.start()
    async with standing_gateway(
        tmp_path,
        Inventory.parse(hypervisor.inventory(NODE, CONTOSO), load_kinds()).machines(),
        backends={"demo": DemoBackend(hypervisor)},
        guests={"demo": demo_kind(hypervisor)},
        guest_agent_wait_seconds=3600,
    ) as standing:
        evening = Evening(standing)
        tokens = await arm_tokens(standing, "contoso", base=standing.base)
        program = await credential(standing, "contoso")
        form = {
            "grant_type": "refresh_token",
            "client_id": AZURE_CLI,
            "refresh_token": tokens["refresh_token"],
            "scope": f"{standing.base}/.default",
        }
        _, fresh = await ask_for_token(standing, form)
        access = tokens["access_token"]
        known = {
            "access token": access,
            "refresh token": tokens["refresh_token"],
            "client secret": program.secret,
            "put password": put,
            "weak password": weak,
            "deployed password": deployed,
            "started password": started,
            "waiting password": waiting,
        } | {f"second {name}": fresh[name] for name in ("access_token", "refresh_token")}

        win01, web01 = (f"{COMPUTE}/virtualMachines/{name}" for name in ("win01", "web01"))
        target = f"{win01}/extensions/VMAccessAgent"
        await evening.call("PUT", target, extension(MADE_USER, put), known["second access_token"])
        assert await evening.settle(known["second access_token"]) == "Succeeded"
        assert hypervisor.users("win01")[MADE_USER] == put
        bearer = known["second access_token"]
        await evening.call("PUT", target, extension(MADE_USER, weak), bearer)
        assert await evening.settle(bearer) == "Failed"
        await evening.call("PUT", f"{RESOURCES}/deployments/d1", deployment(deployed), bearer)
        assert await evening.settle(bearer) == "Succeeded"
        assert hypervisor.users("win01")[MADE_USER] == deployed

        known["api token"] = token = await standing.token("contoso")
        body = {"resource_id": web01, "kind": "set_password", "user": "azureuser"}
        made = await evening.call("POST", "/api/v1/recoveries", body | {"password": started}, token)
        async with asyncio.timeout(60):
            while hypervisor.users("web01")["azureuser"] != started:
                await asyncio.sleep(0.1)
        await evening.call("GET", f"/api/v1/recoveries/{made['id']}", token=token)
        hypervisor.guest("web01").stopped = True
        await evening.call("POST", "/api/v1/recoveries", body | {"password": waiting}, token)
        await evening.call("GET", f"{target}?$expand=instanceView", token=bearer)
        await evening.call("GET", f"{win01}?$expand=instanceView", token=bearer)
        await evening.call("GET", f"{RESOURCES}/deployments/d1", token=bearer)
        # Refusals that hold what was sent.
        await evening.call("PUT", target, {"properties": {"protectedSettings": put}}, bearer)
        await evening.call("PUT", target, [put], bearer)
        await evening.call("POST", "/api/v1/recoveries", body | {"pasword": waiting}, token)
        for file in ("CommandExecution.log", "extension.log"):
            for vm in (win01, web01):
                path = f"/api/v1/agent-logs?resource_id={vm}&file={file}"
                await evening.call("GET", path, token=token)

        state = standing.gateway.settings.state_directory
        told = capfd.readouterr()
        places = {file.name: file.read_bytes() for file in state.iterdir()}
        places["log"] = f"{told.out}{told.err}{caplog.text}".encode()
        places["answers"] = "".join(evening.answers).encode()
        async with standing.gateway.services.store.reading() as unit:
            audit = await unit.audit.page(limit=1000)
        places["audit"] = repr(audit).encode()
        async with standing.api() as api, api.get(f"{standing.operations}/metrics") as answer:
            places["metrics"] = (await answer.text()).encode()
        places["command line"] = Path("/proc/self/cmdline").read_bytes()
        places["environment"] = Path("/proc/self/environ").read_bytes()
    await hypervisor.stop()
    # The haystacks are the right ones.
    assert MADE_USER.encode() in places["answers"]
    assert b"extension" in places["audit"]
    assert b"eva_http_requests" in places["metrics"]
    known.pop("api token")  # the tests' own sign-in answer is not among these
    hits = [
        (what, where)
        for what, secret in known.items()
        for where, content in places.items()
        if secret.encode() in content
    ]
    print(f"{len(known)} canaries, {sum(map(len, places.values()))} bytes, {len(hits)} hits")
    assert not hits
