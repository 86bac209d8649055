"""Connections beyond the limit are closed at once; those within it go on."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from gateway import serving
from gateway.errors import SettingsError
from gateway.listener import SPARE_DESCRIPTORS, connections_that_fit
from gateway.serving import _listen
from tests.doubles.authority import Authority

MOST = 3
SILENT = 16
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def asked(connection: Connection) -> bytes:
    """The body of an answer on a connection that stays open."""
    reader, writer = connection
    writer.write(GET)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    return await reader.readexactly(2)


async def is_served(connection: Connection) -> bool:
    try:
        return await asked(connection) == b"ok"
    except (asyncio.IncompleteReadError, ConnectionError):
        return False


async def is_turned_away(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(1):
            return await connection[0].read() == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


async def opened_site(tls: ssl.SSLContext | None, most: int) -> web.AppRunner:
    async def ok(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", ok)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await _listen(runner, "127.0.0.1:0", tls, most)
    return runner


async def crowd() -> None:
    runner = await opened_site(None, MOST)
    port = runner.addresses[0][1]

    opened: list[Connection] = []

    async def connect() -> Connection:
        opened.append(await asyncio.open_connection("127.0.0.1", port))
        return opened[-1]

    inside = [await connect() for _ in range(MOST)]
    assert [await asked(each) for each in inside] == [b"ok"] * MOST
    for _ in range(20):
        assert await is_turned_away(await connect())
    assert [await asked(each) for each in inside] == [b"ok"] * MOST
    # Whoever leaves makes room.
    inside.pop()[1].close()
    async with asyncio.timeout(2):
        while not await is_served(await connect()):
            await asyncio.sleep(0.01)
    for _, writer in opened:
        writer.close()
    await runner.cleanup()


async def silent_crowd(authority: Authority, *, who_leaves: bool) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.certificate_file, authority.key_file)
    runner = await opened_site(tls, SILENT)
    port = runner.addresses[0][1]
    trusting = ssl.create_default_context(cafile=authority.ca_file)

    async def enters() -> bool:
        try:
            connection = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        except OSError:
            return False
        served = await is_served(connection)
        connection[1].close()
        return served

    assert await enters()
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
    beyond = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SILENT)]
    async with asyncio.timeout(1):
        assert await asyncio.gather(*map(is_turned_away, beyond)) == [True] * SILENT
    assert not await enters()
    assert not any(reader.at_eof() for reader, _ in silent)
    if who_leaves:
        for _, writer in silent:
            writer.close()
    async with asyncio.timeout(3):
        while not await enters():
            await asyncio.sleep(0.01)
    for _, writer in silent + beyond:
        writer.close()
    await runner.cleanup()
    with contextlib.suppress(OSError):
        await asyncio.open_connection("127.0.0.1", port)
        pytest.fail("nobody listens any more")


async def test_who_is_closed_as_soon_as_it_listens_listens_no_more() -> None:
    runner = await opened_site(None, MOST)
    (site,) = runner.sites
    (listening,) = site._server.sockets  # type: ignore[attr-defined]
    await runner.cleanup()
    assert listening.fileno() == -1


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_beyond_the_limit_connections_are_closed_at_once(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    complaints: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
        runner.run(crowd())
    assert complaints == []


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("who_leaves", [True, False], ids=["they_leave", "they_are_shown_out"])
def test_who_says_nothing_before_tls_counts_too(
    loop: Callable[[], asyncio.AbstractEventLoop],
    who_leaves: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "HANDSHAKE_SECONDS", 60.0 if who_leaves else 1.5)
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(silent_crowd(Authority(tmp_path), who_leaves=who_leaves))


class Limits:
    """The kernel's limit on descriptors."""

    def __init__(self, soft: int, hard: int, *, fixed: bool = False) -> None:
        self.soft, self.hard, self.fixed = soft, hard, fixed

    def get(self, _what: int) -> tuple[int, int]:
        return self.soft, self.hard

    def set(self, _what: int, wanted: tuple[int, int]) -> None:
        if self.fixed:
            raise ValueError("not allowed to raise maximum limit")
        self.soft, self.hard = wanted

    def rule(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resource, "getrlimit", self.get)
        monkeypatch.setattr(resource, "setrlimit", self.set)


def test_the_limit_on_descriptors_is_raised_before_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = Limits(1024, 8192)
    limits.rule(monkeypatch)
    assert connections_that_fit(4096) == 4096
    assert limits.soft == 8192


@pytest.mark.parametrize("limits", [Limits(512, 1024), Limits(1024, 8192, fixed=True)])
def test_more_connections_than_descriptors_are_not_promised(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits.rule(monkeypatch)
    assert connections_that_fit(4096) == 1024 - SPARE_DESCRIPTORS


def test_without_descriptors_there_is_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(128, 128).rule(monkeypatch)
    with pytest.raises(SettingsError, match="LimitNOFILE"):
        connections_that_fit(4096)


def test_what_was_loaded_is_never_looked_through_for_garbage_again() -> None:
    kept: list[int] = []

    async def look() -> None:
        kept.append(gc.get_freeze_count())

    gc.unfreeze()  # what the tests themselves spare each other
    assert gc.get_freeze_count() == 0
    serving.run(look())
    assert 50_000 < kept[0]
