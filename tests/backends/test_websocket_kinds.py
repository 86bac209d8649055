"""Consoles behind an API: a fresh ticket at every dial, told to nobody, sent nowhere else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.backends import Step
from gateway.errors import UpstreamError, UpstreamRefused, UpstreamUnreachable
from tests.doubles.apidouble import Screen
from tests.doubles.apiworld import ALL, World, backends, refusal, world_of
from tests.doubles.authority import Authority
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.kubevirt import TOKEN
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import Watching, ignore


@pytest.fixture(params=ALL)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(request.param, tmp_path) as made:
        yield made


async def test_the_picture_arrives_and_keys_reach(world: World) -> None:
    steps: list[Step] = []
    machine = world.machine(desktop_name='"QEMU (web01)"')
    async with Watching(await backends().dial(machine, steps.append)) as screen:
        assert steps == [Step.DIALLING, Step.ANSWERED, Step.AUTHENTICATED]
        await screen.until(lambda: screen.frames)
        world.server.paint(0, 0, 64, 48, (10, 20, 30))
        await screen.until(lambda: screen.pixels[0, 0, 0] == 10)
        assert (screen.pixels == (10, 20, 30)).all()
        screen.key(0x61)
        talk = await world.server.connected()
        await talk.until(lambda: len(talk.keys) == 2)
    await talk.until(lambda: talk.closed)


async def test_every_dial_fetches_a_ticket_of_its_own(world: World) -> None:
    for _ in range(2):
        await (await backends().dial(world.machine(), ignore)).close()
    handed = getattr(world.api, "tickets", None) or getattr(world.api, "console_tokens", None)
    assert world.api.opened == 2
    if handed is not None:
        assert len(set(handed)) == 2


async def test_many_visits_leave_nothing_behind(world: World) -> None:
    dialler, machine = backends(), world.machine()
    await (await dialler.dial(machine, ignore)).close()
    tasks, files = len(asyncio.all_tasks()), await _files_at_rest(world)
    for _ in range(30):
        await (await dialler.dial(machine, ignore)).close()
    assert await _files_at_rest(world) <= files
    assert len(asyncio.all_tasks()) <= tasks


async def _files_at_rest(world: World) -> int:
    """How many are open once neither the screen nor anything here is being let go of."""
    found = [0, 1]
    async with asyncio.timeout(5):
        while world.server.live or len(set(found[-20:])) != 1:
            await asyncio.sleep(0.01)
            found.append(len(list(Path("/proc/self/fd").iterdir())))
    return found[-1]


async def test_a_cancelled_dial_leaves_no_connection(world: World) -> None:
    async with FaultProxy("127.0.0.1", world.api.port) as proxy:
        machine = world.machine(proxy.port)
        for limit in range(500, 6000, 500):  # bytes that come before the silence
            proxy.towards_client.held = False
            reached = proxy.towards_client.passed + limit
            async with asyncio.TaskGroup() as tasks:
                dialling = tasks.create_task(backends().dial(machine, ignore))
                async with asyncio.timeout(5):
                    while proxy.towards_client.passed < reached and not dialling.done():
                        await asyncio.sleep(0)
                proxy.towards_client.held = True
                if dialling.done():
                    await dialling.result().close()
                dialling.cancel()
            proxy.heal()
            async with asyncio.timeout(2):
                while proxy.live:
                    await asyncio.sleep(0.01)


async def test_old_proxmox_takes_the_ticket_for_the_password(pve: World) -> None:
    pve.api.old = True
    await (await backends().dial(pve.machine(), ignore)).close()


@pytest.mark.parametrize(("old", "subpath"), [(True, ""), (False, ""), (False, "console")])
async def test_novas_pages_of_all_ages_lead_to_the_socket(
    cloud: World, old: bool, subpath: str
) -> None:
    cloud.api.old_page, cloud.api.subpath = old, subpath
    await (await backends().dial(cloud.machine(), ignore)).close()


async def test_a_token_that_kubernetes_renews_is_read_at_every_dial(
    kube: World, tmp_path: Path
) -> None:
    token = tmp_path / "mounted"
    machine = kube.machine(password_file="", table=f'[machine.kubevirt]\ntoken_file = "{token}"')
    for content, why in (
        (None, "the token's file cannot be read: No such file"),
        ("expired", "Kubernetes refused the token"),
        ("two\r\nX-Lines: y", "cannot be said in a request"),
        ("é", "the token's file cannot be read: not text"),
    ):
        if content is not None:
            token.write_text(content)
        assert why in str(await refusal(machine))
    token.write_text(f"{TOKEN}\n")
    await (await backends().dial(machine, ignore)).close()


async def test_kubernetes_behind_a_prefix(kube: World) -> None:
    kube.api.prefix = "/k8s/clusters/local"
    machine = kube.machine(table='[machine.kubevirt]\nprefix = "/k8s/clusters/local"')
    await (await backends().dial(machine, ignore)).close()


async def test_a_screen_that_calls_itself_otherwise_is_refused(world: World) -> None:
    error = await refusal(world.machine(desktop_name='"QEMU (web02)"'))
    assert "calls itself" in str(error)


async def test_a_refused_screen_leaves_no_connection(world: World) -> None:
    async with FaultProxy("127.0.0.1", world.api.port) as proxy:
        machine = world.machine(proxy.port, desktop_name='"QEMU (web02)"')
        world.api.redirect = None if world.kind != "wss" else "https://elsewhere.example/"
        kept = await refusal(machine)  # with its traceback, which may hold what was not closed
        async with asyncio.timeout(2):
            while proxy.live:
                await asyncio.sleep(0.01)
        assert kept


# Certificates


async def test_tls_believes_the_authority_or_the_pin_and_nothing_else(
    world: World, tmp_path: Path
) -> None:
    pin, other = world.authority.pin, Authority(tmp_path / "other")
    for bad in (
        world.machine(ca_file=""),
        world.machine(ca_file="", pin=f'"{other.pin}"'),
        world.machine(pin=f'"{other.pin}"'),
        world.machine(ca_file=f'"{other.ca_file}"'),
        world.machine(ca_file=f'"{other.ca_file}"', pin=f'"{pin}"'),
        world.machine(server_name='"hv9.example"'),
    ):
        error = await refusal(bad)
        assert isinstance(error, UpstreamRefused)
        assert "not trusted" in str(error) or "not the pinned one" in str(error)
    assert world.api.asked == [], "not a question before the certificate was judged"
    for good in (
        world.machine(ca_file="", pin=f'"{pin}"'),
        world.machine(pin=f'"{pin}"'),
        world.machine(server_name='"localhost"'),
    ):
        await (await backends().dial(good, ignore)).close()


# Redirects and secrets


async def test_a_redirect_is_never_followed(world: World) -> None:
    async with FakeRfbServer() as sentinel:
        world.api.redirect = f"https://127.0.0.1:{sentinel.port}/"
        error = await refusal(world.machine())
        assert isinstance(error, UpstreamRefused)
        assert "redirects elsewhere, which is never followed" in str(error)
        assert sentinel.conversations == []


async def test_no_secret_shows_in_a_log_or_an_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for talkative in (None, "websockets", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=talkative)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    said: list[str] = []
    async with Watching(await backends().dial(world.machine(), ignore)) as screen:
        await screen.until(lambda: screen.frames)
    for change in (
        {"garbage": b"{"},
        {"garbage": b'{"data": {"ticket": 1}}'},
        {"garbage": None, "redirect": "https://elsewhere.example/?token=x"},
        {"redirect": None, "screen": Screen(port=1)},
    ):
        vars(world.api).update(change)
        error: BaseException | None = await refusal(world.machine())
        while error is not None:
            said.append(f"{error} {error!r}")
            error = error.__cause__
    loop.set_debug(False)
    logged = caplog.text + repr([record.args for record in caplog.records])
    machine = world.machine()
    shown = "\n".join((logged, *said, str(machine), repr(machine)))
    assert world.canaries
    for canary in world.canaries:
        assert canary not in shown


# SECURITY.md D5, E4: resets, silence, slices


async def test_a_dial_survives_slices(world: World) -> None:
    async with FaultProxy("127.0.0.1", world.api.port) as proxy:
        proxy.towards_client.slice_size = 1
        proxy.towards_server.slice_size = 1
        machine = world.machine(proxy.port)
        async with Watching(await backends(30).dial(machine, ignore)) as screen:
            await screen.until(lambda: screen.frames, within=40)


@pytest.mark.parametrize("fault", ["reset", "half_close"])
async def test_the_end_of_a_connection_is_told(tmp_path: Path, fault: str) -> None:
    async with world_of("wss", tmp_path) as world, FaultProxy("127.0.0.1", world.api.port) as proxy:
        machine = world.machine(proxy.port)
        async with Watching(await backends().dial(machine, ignore)) as screen:
            await screen.until(lambda: screen.frames)
            getattr(proxy, fault)()
            with pytest.raises((UpstreamError, ConnectionError)):
                await screen.until(lambda: False, within=5)


async def test_closing_never_hangs_and_closes(world: World) -> None:
    """The other end neither answers the close frame nor closes."""
    async with FaultProxy("127.0.0.1", world.api.port) as proxy:
        upstream = await backends().dial(world.machine(proxy.port), ignore)
        proxy.black_hole()
        begun = time.monotonic()
        await upstream.close()
        assert time.monotonic() - begun < 0.5
        async with asyncio.timeout(0.5):
            await upstream._wire._wire._gone.wait()
        await upstream.close()


async def test_a_screen_that_closes_is_an_ordinary_end(world: World) -> None:
    async with Watching(await backends().dial(world.machine(), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        (await world.server.connected()).close()
        with pytest.raises(ConnectionError, match="has closed"):
            await screen.until(lambda: False, within=5)


async def test_silence_ends_with_the_deadline(world: World) -> None:
    world.api.silent = True
    begun = time.monotonic()
    error = await refusal(world.machine(), deadline=0.5)
    assert isinstance(error, UpstreamUnreachable)
    assert time.monotonic() - begun < 2


async def test_a_black_hole_ends_with_the_deadline(world: World) -> None:
    async with FaultProxy("127.0.0.1", world.api.port) as proxy:
        proxy.black_hole()
        error = await refusal(world.machine(proxy.port), deadline=0.5)
        assert isinstance(error, UpstreamUnreachable)
        assert "within 0.5 s" in str(error)


async def test_nobody_there(world: World) -> None:
    machine = world.machine()
    await world.api.__aexit__(None, None, None)
    error = await refusal(machine)
    assert isinstance(error, UpstreamUnreachable)
    assert "Connection refused" in str(error)
    assert str(world.api.port) not in str(error)
    await world.api.__aenter__()
