"""A node is watched, drained and ended as an operations team expects."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import aiohttp
import pytest

from tests.doubles.program import Program, running_demo


@pytest.fixture
async def demo(tmp_path: Path):
    async with running_demo(tmp_path) as program:
        yield program


async def operations(demo: Program, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(demo.ready["operations_address"]) as http,
        http.get(path) as response,
    ):
        return response.status, await response.text()


async def test_the_ready_file_is_for_its_user_alone(demo: Program, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "ready.json").stat().st_mode) == 0o600
    assert {vm["name"]: vm["state"] for vm in demo.ready["vms"]}["off01"] == "off"
    assert {a["role"] for a in demo.ready["accounts"]} == {"admin", "cloudadmin", "tenant"}


async def test_liveness_readiness_and_metrics(demo: Program) -> None:
    assert await operations(demo, "/livez") == (200, "alive\n")
    assert await operations(demo, "/readyz") == (200, "ready\n")
    status, figures = await operations(demo, "/metrics")
    assert status == 200
    assert "eva_viewers 0.0" in figures


async def test_what_operations_see_is_not_served_to_visitors(demo: Program) -> None:
    async with demo.http() as http:
        for path in ("/livez", "/readyz", "/metrics"):
            async with http.get(path, allow_redirects=False) as response:
                assert response.status != 200, path


async def test_log_lines_are_json_and_hold_no_secret(demo: Program, tmp_path: Path) -> None:
    await demo.stop()
    logged = [
        line
        for line in (tmp_path / "var" / "demo" / "gateway.log").read_text().splitlines()
        if line.startswith("{")
    ]
    events = [json.loads(line)["event"] for line in logged]
    assert "gateway.serving" in events
    secrets = [a["code_secret"] for a in demo.ready["accounts"] if a["code_secret"]]
    for line in logged:
        assert not [secret for secret in secrets if secret in line]


async def test_sigterm_ends_it_cleanly(demo: Program) -> None:
    begun = time.monotonic()
    assert await demo.stop() == 0
    assert time.monotonic() - begun < 30
    assert "Traceback" not in demo.log.read_text()
