"""Upstreams of every WebSocket kind that others take, or that lie: what a session makes of them."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from gateway.consoles.link import TIMING, Timing
from gateway.consoles.session import Waiting
from gateway.consoles.states import Reconnecting, Taken
from tests.consoles.test_session import becomes
from tests.doubles.apiworld import backends, world_of
from tests.doubles.console_stage import staged
from tests.doubles.rfbserver import Conversation, FakeRfbServer
from tests.hypervisor.upstream_kinds import WEBSOCKETS

pytestmark = pytest.mark.timeout(60)

Script = Callable[[Conversation], Awaitable[None]]
HASTY = Waiting(link=Timing(first_retry=0.1, last_retry=0.2, taken=0.4, refused=0.2, settled=5.0))


async def _show_out(talk: Conversation) -> None:
    await talk.handshake()
    talk.close()


@pytest.mark.parametrize("kind", WEBSOCKETS)
async def test_a_screen_that_another_client_has_is_asked_for_gently(
    kind: str, tmp_path: Path
) -> None:
    """Let in and shown out again and again: who has it is disturbed thrice a minute at most."""
    async with world_of(kind, tmp_path) as world:
        world.server.script = _show_out
        async with (
            staged(machine=world.machine(), dialler=backends(), waiting=HASTY) as stage,
            stage.viewer("operator") as operator,
        ):
            await world.server.connected()
            await becomes(stage.session, Taken)
            before = len(world.server.conversations)
            await asyncio.sleep(1.0)
            assert len(world.server.conversations) - before <= 3
            assert world.server.live <= 1
            world.server.script = FakeRfbServer().script
            await operator.start()
            await operator.until(lambda: operator.frames)
    assert 60 / TIMING.taken <= 3


async def test_kubevirt_says_that_another_client_has_it(tmp_path: Path) -> None:
    async with world_of("kubevirt", tmp_path) as world:
        world.api.in_use = True
        async with (
            staged(machine=world.machine(), dialler=backends(), waiting=HASTY) as stage,
            stage.viewer("operator") as operator,
        ):
            async with asyncio.timeout(10):
                while not world.api.asked:
                    await asyncio.sleep(0.01)
            await becomes(stage.session, Taken)
            assert world.api.opened == 0
            world.api.in_use = False
            await operator.start()
            await operator.until(lambda: operator.frames)


def _update(*rects: bytes, count: int | None = None) -> bytes:
    """RFC 6143 §7.6.1: type, padding, number of rects."""
    return struct.pack(">BxH", 0, len(rects) if count is None else count) + b"".join(rects)


def _rect(x: int, y: int, width: int, height: int, encoding: int, data: bytes = b"") -> bytes:
    return struct.pack(">HHHHi", x, y, width, height, encoding) + data


def _counted(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


_BOMB = zlib.compress(bytes(64 << 20))  # 64 MiB of zeros, where 64x48 pixels are due
_JPEG = bytes.fromhex("ffd8ffc0001108ffffffff03011100021101031101ffda")  # of 65535x65535

# What comes after a handshake in which all was well: SECURITY.md E2, E3 and E4.
LIES = {
    "a desktop of 65535x65535": _update(_rect(0, 0, 65535, 65535, -223)),
    "a rect outside": _update(_rect(60, 40, 64, 48, 0, bytes(64 * 48 * 4))),
    "65535 rects": _update(_rect(0, 0, 65535, 1, 1, bytes(4)), count=65535),
    "a zlib bomb": _update(_rect(0, 0, 64, 48, 6, _counted(_BOMB))),
    "a ZRLE bomb": _update(_rect(0, 0, 64, 48, 16, _counted(_BOMB))),
    "a JPEG of another size": _update(_rect(0, 0, 64, 48, 7, b"\x90" + b"\x17" + _JPEG)),
    "2 GiB of clipboard": struct.pack(">BxxxI", 3, (1 << 31) - 1),
    "an unknown message": b"\xee" * 16,
}


def _lying(words: bytes) -> Script:
    async def script(talk: Conversation) -> None:
        await talk.handshake()
        talk.send(words)
        await talk.silence()

    return script


async def _huge(talk: Conversation) -> None:
    talk.server.width = talk.server.height = 65535
    await talk.handshake()
    await talk.silence()


@pytest.mark.parametrize("kind", WEBSOCKETS)
async def test_no_lie_gets_past_the_codec(kind: str, tmp_path: Path) -> None:
    own = psutil.Process()
    async with world_of(kind, tmp_path) as world:
        scripts = {"a screen of 65535x65535": _huge, **{n: _lying(w) for n, w in LIES.items()}}
        for name, script in scripts.items():
            world.server.script = script
            world.server.width, world.server.height = 64, 48
            told = len(world.server.conversations)
            before = own.memory_info().rss
            async with (
                staged(machine=world.machine(), dialler=backends(), waiting=HASTY) as stage,
                stage.viewer("operator") as operator,
            ):
                await world.server.connected(told + 1)
                await becomes(stage.session, Reconnecting)
                state = stage.session.state
                assert isinstance(state, Reconnecting), name
                assert state.why == "RfbError", name
                assert own.memory_info().rss - before < 64 << 20, name
                world.server.width, world.server.height = 64, 48
                world.server.script = FakeRfbServer().script
                await operator.start()
                await operator.until(lambda: operator.frames)
                assert world.server.live == 1, "the liar was left before another was dialled"
