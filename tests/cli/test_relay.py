"""The loopback port of `connect --listen`: VNC viewers at one end, a stream at the other."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import psutil
import pytest
from websockets.asyncio.server import ServerConnection

from gateway.cli.failures import Exit, Failure, Refusal
from gateway.cli.relay import ENDINGS, Ending, Patience, Relay, Stream, ending_of
from tests.doubles.streamserver import StreamServer, echo, flood, quiet, streaming

PATIENT = Patience(first=5, next=5)
ORIGIN = "https://gateway.example:8443"
Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Running:
    relay: Relay
    port: int
    ending: asyncio.Task[Ending]

    async def viewer(self) -> Pipe:
        return await asyncio.open_connection("127.0.0.1", self.port)


def counted() -> Callable[[], Awaitable[str]]:
    """Tickets t1, t2, …: each is used once."""
    issued = iter(range(1, 100))

    async def ticket() -> str:
        return f"t{next(issued)}"

    return ticket


@asynccontextmanager
async def relaying(
    server: StreamServer,
    ticket: Callable[[], Awaitable[str]] | None = None,
    patience: Patience = PATIENT,
) -> AsyncIterator[Running]:
    relay = Relay(Stream(server.address, ORIGIN, None), ticket or counted(), patience)
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(relay.run(0, bound.set_result))
        async with asyncio.timeout(10):
            yield Running(relay, await bound, ending)
        relay.end(Ending("the test is over", Exit.OK))


async def test_bytes_pass_both_ways_unchanged() -> None:
    sent = bytes(range(256)) * 1024  # larger than one message to the gateway may be
    async with streaming(echo) as server, relaying(server) as running:
        reader, writer = await running.viewer()
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        writer.close()


async def test_a_frame_of_many_megabytes_passes() -> None:
    frame = bytes(24 * 1024 * 1024)  # a whole 4K framebuffer, nearly

    async def paint(connection: ServerConnection) -> None:
        await connection.send(frame)
        await connection.wait_closed()

    async with streaming(paint) as server, relaying(server) as running:
        reader, writer = await running.viewer()
        assert await reader.readexactly(len(frame)) == frame
        writer.close()


async def test_the_ticket_travels_as_a_subprotocol_and_never_in_the_address() -> None:
    async with streaming(quiet) as server, relaying(server) as running:
        _, writer = await running.viewer()
        while not server.protocols:
            await asyncio.sleep(0.01)
        writer.close()
    assert server.protocols == ["eva.rfb", "ticket.t1"]
    assert server.paths == ["/consoles/c1/stream"]
    assert server.origins == [ORIGIN]


async def test_each_viewer_gets_a_ticket_of_its_own() -> None:
    async with streaming(echo) as server, relaying(server) as running:
        for _ in range(3):
            reader, writer = await running.viewer()
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            writer.close()
    assert [p for p in server.protocols if p != "eva.rfb"] == [
        "ticket.t1",
        "ticket.t2",
        "ticket.t3",
    ]


async def refused_with(pipe: Pipe, version: bytes = b"RFB 003.008\n") -> str:
    """What a viewer that speaks RFB is told."""
    reader, writer = pipe
    assert await reader.readexactly(12) == b"RFB 003.008\n"
    writer.write(version)
    # RFC 6143 §7.1.2: zero security types, then the length of the reason, then the reason.
    none = await reader.readexactly(4 if version == b"RFB 003.003\n" else 1)
    assert not any(none)
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    reason = (await reader.readexactly(length)).decode()
    assert await reader.read() == b""
    writer.close()
    return reason


@pytest.mark.parametrize("version", [b"RFB 003.008\n", b"RFB 003.007\n", b"RFB 003.003\n"])
async def test_a_second_viewer_is_told_why_and_disturbs_nobody(version: bytes) -> None:
    async with streaming(echo) as server, relaying(server) as running:
        reader, writer = await running.viewer()
        writer.write(b"first")
        assert await reader.readexactly(5) == b"first"
        reason = await refused_with(await running.viewer(), version)
        assert reason == "another viewer is connected"
        writer.write(b"still")
        assert await reader.readexactly(5) == b"still"
        writer.close()


@pytest.mark.parametrize(
    ("code", "words", "exit_code"),
    [
        (4401, "consent has ended", Exit.REFUSED),
        (4403, "does not allow", Exit.REFUSED),
        (4408, "too slow", Exit.REFUSED),
        (4409, "taken over", Exit.REFUSED),
        (4410, "was ended", Exit.REFUSED),
        (4503, "cannot be reached", Exit.REFUSED),
        (1012, "restarts", Exit.UNREACHABLE),
        (1000, "over", Exit.OK),
    ],
)
async def test_what_the_gateway_closes_with_becomes_a_sentence(
    code: int, words: str, exit_code: Exit
) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, "by admin")

    async with streaming(close) as server, relaying(server) as running:
        reader, writer = await running.viewer()
        assert await reader.read() == b""
        writer.close()
        ending = await running.ending
    assert words in ending.sentence
    assert "(by admin)" in ending.sentence
    assert ending.code is exit_code


def test_every_close_code_of_the_gateway_has_words() -> None:
    assert {4401, 4403, 4408, 4409, 4410, 4503, 1012} <= set(ENDINGS)


def test_the_gateways_words_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in ending_of(4410, "\x1b]0;title\x07").sentence


async def test_a_gateway_that_vanishes_is_a_lost_connection() -> None:
    async def vanish(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with streaming(vanish) as server, relaying(server) as running:
        reader, writer = await running.viewer()
        assert await reader.read() == b""
        writer.close()
        assert (await running.ending).code is Exit.UNREACHABLE


async def test_a_refused_upgrade_reaches_the_viewer_and_ends_the_relay() -> None:
    async with (
        streaming(quiet, refuses=HTTPStatus.FORBIDDEN) as server,
        relaying(server) as running,
    ):
        assert "does not allow" in await refused_with(await running.viewer())
        assert (await running.ending).code is Exit.REFUSED


async def test_a_refused_ticket_reaches_the_viewer_and_ends_the_relay() -> None:
    async def none() -> str:
        raise Refusal(403, "StepUpStale", "confirm again that it is you")

    async with streaming(quiet) as server, relaying(server, none) as running:
        assert await refused_with(await running.viewer()) == "confirm again that it is you"
        assert (await running.ending).sentence == "confirm again that it is you"
    assert server.protocols == []


async def test_without_a_viewer_in_time_it_says_so() -> None:
    async with (
        streaming(quiet) as server,
        relaying(server, patience=Patience(first=0.05, next=5)) as running,
    ):
        ending = await running.ending
    assert "no viewer connected within 0.05 s" in ending.sentence
    assert ending.code is Exit.REFUSED


async def test_it_waits_for_the_next_viewer_and_then_ends_well() -> None:
    async with (
        streaming(echo) as server,
        relaying(server, patience=Patience(first=5, next=0.05)) as running,
    ):
        _, writer = await running.viewer()
        writer.close()
        assert (await running.ending).code is Exit.OK


async def test_a_viewer_who_stays_longer_than_the_patience_is_not_cut() -> None:
    async with (
        streaming(echo) as server,
        relaying(server, patience=Patience(first=0.1, next=0.1)) as running,
    ):
        for _ in range(2):  # the second comes before the watch has noticed that the first left
            reader, writer = await running.viewer()
            await asyncio.sleep(0.3)
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"
            writer.close()
        assert (await running.ending).code is Exit.OK


async def test_a_viewer_that_stops_reading_holds_the_gateway_back() -> None:
    """The gateway has to feel a slow viewer; a relay that buffered would hide it."""
    async with streaming(flood) as server, relaying(server) as running:
        before = psutil.Process().memory_info().rss
        _, writer = await running.viewer()
        await asyncio.sleep(1.0)
        grown = psutil.Process().memory_info().rss - before
        writer.transport.abort()
    assert grown < 24 * 1024 * 1024  # both ends and the kernel's buffers are in this process


async def test_a_port_that_is_taken_is_named() -> None:
    async with streaming(quiet) as server:
        relay = Relay(Stream(server.address, ORIGIN, None), counted(), Patience(5, 5))
        with pytest.raises(Failure, match=str(server.port)):
            await relay.run(server.port, lambda _port: None)
