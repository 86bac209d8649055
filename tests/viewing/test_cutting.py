"""Viewers that stopped reading, on either event loop, with and without TLS."""

# ruff: noqa: SIM117 - the outer block sets the scene, the inner one is who enters it

from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.certificates import make_development_certificates
from gateway.policy.facts import EndCode
from tests.doubles.console_stage import Stage, eventually, staged
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.stalled import StalledClient, small_buffer
from tests.doubles.ws_viewer import PLAIN

BLUE = (0, 0, 255)


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    if request.param == "uvloop":
        return uvloop.EventLoopPolicy()
    return asyncio.DefaultEventLoopPolicy()


@pytest.fixture(params=["plain", "tls"])
def contexts(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[ssl.SSLContext | None, dict[str, Any]]:
    """The server's context, and what a client adds to connect to it."""
    if request.param == "plain":
        return None, {}
    files = make_development_certificates(tmp_path, ("127.0.0.1",), datetime.now(UTC))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.private_key)
    client = ssl.create_default_context(cafile=str(files.ca))
    return server, {"ssl": client, "server_hostname": "127.0.0.1"}


async def stalled(stage: Stage, who: str, tls: dict[str, Any]) -> Any:
    sock = small_buffer()
    sock.connect(("127.0.0.1", stage.port))
    return stage.viewer(who, sock=sock, **tls)


@pytest.mark.rule(2)
async def test_revocation_reaches_a_stalled_viewer(
    contexts: tuple[ssl.SSLContext | None, dict[str, Any]],
) -> None:
    server_tls, client_tls = contexts
    async with (
        FakeRfbServer(width=640, height=480) as server,
        staged(server.port, tls=server_tls) as stage,
    ):
        async with (
            stage.viewer("operator", **client_tls) as operator,
            await stalled(stage, "guest", client_tls) as guest,
        ):
            await operator.start(PLAIN)
            await guest.start(PLAIN)
            await guest.until(lambda: guest.frames)
            client = StalledClient(guest)
            await client.clog(server)
            revoked = time.monotonic()
            stage.registry.cut_viewers(
                lambda viewer: viewer.link_id == "link", stage.an_end(EndCode.LINK_REVOKED)
            )
            await eventually(lambda: "guest" in stage.left, 1)
            rest, reset = await client.rest(1)
            print(
                f"{rest} bytes and {'RST' if reset else 'FIN'} {time.monotonic() - revoked:.2f} s"
            )
            assert rest <= 256 * 1024
            assert reset
            assert time.monotonic() - revoked < 1
            # Nobody else noticed.
            server.paint(0, 0, 4, 4, BLUE)
            await operator.until(lambda: operator.pixel(1, 1) == BLUE)


@pytest.mark.rule(4)
async def test_a_slow_viewer_slows_nobody() -> None:
    async with FakeRfbServer(width=640, height=480) as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, await stalled(stage, "guest", {}) as guest:
            await operator.start(PLAIN)
            await guest.start(PLAIN)
            await guest.until(lambda: guest.frames)
            await StalledClient(guest).clog(server)
            waits = []
            for shade in range(20):
                painted = time.monotonic()
                server.paint(0, 0, 4, 4, (shade + 1, 2, 3))
                await operator.until(lambda s=shade: operator.pixel(1, 1) == (s + 1, 2, 3))
                waits.append(time.monotonic() - painted)
            print(f"slowest of 20 updates: {max(waits) * 1000:.1f} ms")
            assert sorted(waits)[18] < 0.1
