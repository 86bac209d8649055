"""What XAPI may answer instead of a screen, and how its sessions end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from gateway.backends import Backends
from gateway.backends.tcp import Address
from gateway.backends.xenserver import XenserverBackend
from gateway.errors import MachineOff, UpstreamError, UpstreamRefused
from tests.doubles import xapi
from tests.doubles.apiworld import World, backends, refusal, world_of
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import Watching, ignore


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of("xenserver", tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        ({"allowed": False}, UpstreamRefused, "needs the role of a VM operator"),
        ({"state": "Halted"}, MachineOff, "turned off"),
        ({"state": "Suspended"}, MachineOff, "turned off"),
        ({"state": "Paused"}, UpstreamError, "is paused"),
        ({"state": "Starting"}, UpstreamRefused, "refused the WebSocket (500)"),
        ({"consoles": []}, UpstreamRefused, "has no VNC console"),
        ({"consoles": {"a": "b"}}, UpstreamRefused, "has no VNC console"),
        ({"consoles": [["a"]]}, UpstreamRefused, "lacks a reference"),
        ({"consoles": ["OpaqueRef:11111111-aaaa"] * 100}, UpstreamRefused, "has no VNC console"),
        ({"consoles": ["OpaqueRef:33333333-cccc"]}, UpstreamRefused, "went away meanwhile"),
        ({"websockets": 403}, UpstreamRefused, "needs the role of a VM operator"),
        ({"websockets": 404}, UpstreamRefused, "has no screen now"),
        ({"websockets": 501}, UpstreamRefused, "wsproxy"),
        ({"websockets": 503}, UpstreamRefused, "limits console sessions"),
        ({"location": "http://127.0.0.1:PORT/console?uuid=UUID"}, UpstreamRefused, "may not be d"),
        ({"location": "https://u@127.0.0.1:PORT/console?uuid=UUID"}, UpstreamRefused, "may not be"),
        ({"location": "https://127.0.0.1:PORT/host?uuid=UUID"}, UpstreamRefused, "may not be d"),
        ({"location": "https://127.0.0.1:PORT/console?uuid=UUID&a"}, UpstreamRefused, "may not be"),
        ({"location": "https://127.0.0.1:99999/console?uuid=UUID"}, UpstreamRefused, "may not be"),
        ({"location": "nonsense"}, UpstreamRefused, "may not be dialled"),
    ],
)
async def test_xenserver_refuses(
    pool: World, change: dict[str, Any], kind: type[Exception], why: str
) -> None:
    for key, value in change.items():
        told = value.replace("PORT", str(pool.api.port)) if isinstance(value, str) else value
        if key == "location":
            told = told.replace("UUID", xapi.VM)
        setattr(pool.api, key, told)
    error = await refusal(pool.machine())
    assert isinstance(error, kind)
    assert why in str(error)
    assert pool.api.tickets
    assert pool.api.signed_in == set(), "it signed out"
    assert len(pool.api.asked) < 20, "no list is followed to its end"


async def test_xenserver_knows_no_such_vm(pool: World) -> None:
    unknown = "xenserver://127.0.0.1:PORT/00000000-0000-4000-8000-000000000000"
    assert "knows no such VM" in str(await refusal(pool.machine(console=unknown)))


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (b'{"result": "OpaqueRef:a\\r\\nX: y"}', "lacks a reference"),
        (b'{"result": {"OpaqueRef:a": 1}}', "lacks a reference"),
        (b'{"error": {"code": 1, "message": "a\\u001b[2J", "data": []}}', "there is no XAPI"),
        (b'{"error": {"message": "HOST_OFFLINE", "data": "x"}}', "XAPI refused: HOST_OFFLINE"),
    ],
)
async def test_what_xapi_says_is_matched_before_it_is_repeated(
    pool: World, garbage: bytes, why: str
) -> None:
    pool.api.garbage = garbage
    error = await refusal(pool.machine())
    assert why in str(error)
    assert pool.api.asked == ["POST /jsonrpc"]


async def test_a_console_at_another_port_is_not_the_hosts_own(pool: World) -> None:
    async with FakeRfbServer() as sentinel:
        closed = sentinel.port
    pool.api.location = f"https://127.0.0.1:{closed}/console?uuid={xapi.CONSOLE}"
    assert "Connection refused" in str(await refusal(pool.machine()))


async def test_a_host_under_its_address_is_the_host_itself(pool: World) -> None:
    """Its certificate bears its name; XAPI hands out its address."""
    asked: list[str] = []

    async def resolve(host: str) -> list[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1")]

    pool.api.location = f"https://127.0.0.1:{pool.api.port}/console?uuid={xapi.CONSOLE}"
    dialler = Backends({"xenserver": XenserverBackend(resolve)})
    machine = pool.machine(console=f"xenserver://localhost:PORT/{xapi.VM}")
    await (await dialler.dial(machine, ignore)).close()
    assert asked == ["localhost"]


async def test_a_dial_cancelled_as_it_signs_out_leaves_no_screen(pool: World) -> None:
    pool.api.slow_farewell = True
    async with asyncio.TaskGroup() as tasks:
        dialling = tasks.create_task(backends().dial(pool.machine(), ignore))
        async with asyncio.timeout(30):
            while not pool.api.leaving:
                await asyncio.sleep(0.01)
        dialling.cancel()
    async with asyncio.timeout(30):
        while pool.server.live:
            await asyncio.sleep(0.01)


async def test_a_farewell_that_nobody_hears_holds_no_screen_up(pool: World) -> None:
    pool.api.slow_farewell = True
    await (await backends().dial(pool.machine(), ignore)).close()
    assert pool.api.leaving


async def test_a_console_stays_when_its_session_has_signed_out(pool: World) -> None:
    upstream = await backends().dial(pool.machine(), ignore)
    assert pool.api.tickets
    assert pool.api.signed_in == set()
    async with Watching(upstream) as screen:
        await screen.until(lambda: screen.frames)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "2852039166", "0.0.0.0"])
async def test_a_console_elsewhere_in_the_pool_is_judged(pool: World, host: str) -> None:
    pool.api.location = f"https://{host}/console?uuid={xapi.VM}"
    error = await refusal(pool.machine())
    assert isinstance(error, UpstreamRefused)
    assert "may not be dialled" in str(error)
    assert pool.api.opened == 0


@pytest.mark.parametrize("master", ["169.254.169.254", "fe80::1", "a/b", "", "::ffff:a9fe:a9fe"])
async def test_a_master_that_may_not_be_dialled_gets_no_password(pool: World, master: str) -> None:
    pool.api.master = master
    error = await refusal(pool.machine())
    assert isinstance(error, UpstreamRefused)
    assert "name the master in the entry" in str(error)
