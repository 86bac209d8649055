"""What a visitor may send, and for how long the gateway waits for it (SECURITY H1, D3).

H1 in small: the waits are shortened, and their true lengths asserted against the bound. Everybody
dawdles at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from gateway import edge, serving
from tests.doubles.visitors import HERE, Site, open_site
from tests.doubles.ws_viewer import WsViewer

BOUND = 16.0  # seconds in which every dawdler is to be gone
HASTE = 8  # how much shorter the waits are here

HEAD = b"POST /api/v1/sign-ins HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
DAWDLERS = {
    "says nothing": b"",
    "half a header": b"GET / HTTP/1.1\r\nHost: loc",
    "half a body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n{",
    "is idle": b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.fixture
async def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    for room, name in WAITS:
        monkeypatch.setattr(room, name, getattr(room, name) / HASTE)
    async with open_site(tmp_path) as site:
        yield site


WAITS = (
    (serving, "KEEPALIVE_SECONDS"),
    (serving, "HANDSHAKE_SECONDS"),
    (serving, "LINGER_SECONDS"),
    (edge, "BODY_SECONDS"),
)


def test_the_true_waits_are_within_the_bound() -> None:
    assert serving.KEEPALIVE_SECONDS < BOUND
    assert serving.HANDSHAKE_SECONDS < BOUND
    assert edge.BODY_SECONDS + serving.LINGER_SECONDS < BOUND  # the answer, then the rest


async def test_who_dawdles_is_shown_out_and_who_does_not_is_served(hasty: Site) -> None:
    async def dawdle(said: bytes) -> float:
        reader, writer = await asyncio.open_connection(
            HERE, hasty.port, ssl=hasty.trust, server_hostname="localhost"
        )
        begun = time.monotonic()
        writer.write(said)
        return await until_closed(reader, writer, begun)

    async def without_tls() -> float:
        reader, writer = await asyncio.open_connection(HERE, hasty.port)
        return await until_closed(reader, writer, time.monotonic())

    async def drip() -> float:
        """A header, one byte every 50 ms."""
        reader, writer = await asyncio.open_connection(
            HERE, hasty.port, ssl=hasty.trust, server_hostname="localhost"
        )
        begun = time.monotonic()
        dripping = asyncio.create_task(drops(writer))
        try:
            return await until_closed(reader, writer, begun)
        finally:
            dripping.cancel()

    everybody = [dawdle(said) for said in DAWDLERS.values() for _ in range(4)]
    everybody += [without_tls() for _ in range(4)]
    everybody += [drip() for _ in range(4)]
    visitor = hasty.person("contoso", "127.0.4.1")
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(one) for one in everybody]
        served = []
        for _ in range(10):
            begun = time.monotonic()
            assert (await visitor.get("/sign-in")).status == 200
            served.append(time.monotonic() - begun)
            await asyncio.sleep(0.1)
    slowest = max(task.result() for task in waiting)
    print(f"all gone after {slowest:.2f} s of {BOUND / HASTE} s; "
          f"pages meanwhile {1000 * sorted(served)[5]:.0f} ms")  # fmt: skip
    assert slowest < BOUND / HASTE + 1  # a busy machine is late by itself


async def until_closed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: float
) -> float:
    try:
        async with asyncio.timeout(BOUND):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while await reader.read(65536):
                    pass
        return time.monotonic() - begun
    finally:
        writer.transport.abort()


async def drops(writer: asyncio.StreamWriter) -> None:
    for byte in b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 4000:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


# D3


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path) as standing:
        yield standing


@contextlib.asynccontextmanager
async def console(site: Site) -> AsyncIterator[WsViewer]:
    consent = await site.consent()
    olga = await site.opened(consent)
    async with olga.enter(consent) as viewer:
        await viewer.start()
        await viewer.until(lambda: viewer.frames)
        yield viewer


@pytest.mark.parametrize("shape", ["whole", "in fragments"])
async def test_a_message_of_more_than_64_kib_ends_the_stream(site: Site, shape: str) -> None:
    async with console(site) as viewer:
        large = b"\x06" + bytes(64 * 1024)  # one byte too many
        begun = time.monotonic()
        if shape == "whole":
            await viewer.ws.send(large)
        else:
            await viewer.ws.send([large[at : at + 1000] for at in range(0, len(large), 1000)])
        assert await viewer.closed(1) == 1009
        assert time.monotonic() - begun < 1


async def test_a_message_of_64_kib_does_not(site: Site) -> None:
    async with console(site) as viewer:
        # ClientCutText: type, 3 padding, length, text; 64 KiB in all.
        text = bytes(64 * 1024 - 8)
        await viewer.ws.send(b"\x06\0\0\0" + len(text).to_bytes(4, "big") + text)
        upstream = await site.hypervisor.connected()
        await upstream.until(lambda: any(message.type == 6 for message in upstream.messages))
        assert viewer.ws.close_code is None


async def test_compression_is_not_to_be_had(site: Site) -> None:
    """So that there is no deflate bomb to defuse."""
    consent = await site.consent()
    olga = await site.opened(consent)
    offered = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    async with olga.enter(consent, headers=offered) as viewer:
        assert viewer.ws.response is not None
        assert "Sec-WebSocket-Extensions" not in viewer.ws.response.headers


async def test_a_flood_of_pings_disturbs_nobody(site: Site) -> None:
    consent = await site.consent()
    olga, contoso = await site.opened(consent), await site.signed_in("contoso")
    async with olga.enter(consent) as operator, contoso.stream(consent) as tenant:
        for viewer in (operator, tenant):
            await viewer.start()
            await viewer.until(partial(shows, viewer, BLACK))
        flooding = asyncio.create_task(flood(tenant))
        try:
            waits = []
            for shade in range(20):
                begun = time.monotonic()
                site.hypervisor.paint(0, 0, 4, 4, (shade + 1, 2, 3))
                await operator.until(partial(shows, operator, (shade + 1, 2, 3)))
                waits.append(time.monotonic() - begun)
        finally:
            flooding.cancel()
    print(f"updates beside the flood: median {1000 * sorted(waits)[10]:.0f} ms")
    assert sorted(waits)[10] < 0.25


BLACK = (0, 0, 0)


def shows(viewer: WsViewer, colour: tuple[int, int, int]) -> bool:
    return viewer.frames > 0 and viewer.pixel(1, 1) == colour


async def flood(viewer: WsViewer) -> None:
    with contextlib.suppress(Exception):
        while True:
            for _ in range(50):
                await viewer.ws.ping()
                await viewer.ws.send(b"")
            await asyncio.sleep(0)
