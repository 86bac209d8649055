"""The doubles themselves: a test that leans on a broken double proves nothing."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest

from tests.doubles import ports
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.ports import free_port, row_of_ports
from tests.doubles.rfbserver import VERSION, Conversation, FakeRfbServer, vnc_response


async def _greet(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.readexactly(12) == VERSION
    return reader, writer


async def _shake(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await _greet(port)
    writer.write(VERSION)
    assert await reader.readexactly(2) == b"\x01\x01"  # one type: None
    writer.write(b"\x01")
    assert await reader.readexactly(4) == bytes(4)
    writer.write(b"\x01")
    head = await reader.readexactly(24)
    assert struct.unpack(">HH", head[:4]) == (64, 48)
    assert await reader.readexactly(struct.unpack(">I", head[20:])[0]) == b"fake"
    return reader, writer


async def test_the_fake_server_shakes_hands_paints_and_tells_messages_apart() -> None:
    async with FakeRfbServer() as server:
        reader, writer = await _shake(server.port)
        server.paint(0, 0, 2, 1, (1, 2, 3))
        writer.write(struct.pack(">BBHHHH", 3, 1, 0, 0, 64, 48))
        # type, padding, one rect; x, y, width, height, Raw; two pixels
        expected = struct.pack(">BxHHHHHi", 0, 1, 0, 0, 2, 1, 0) + b"\1\2\3\0" * 2
        assert await reader.readexactly(len(expected)) == expected
        writer.write(struct.pack(">BBHI", 4, 1, 0, 0x61))  # KeyEvent: down, keysym
        writer.write(struct.pack(">BBHII", 255, 0, 0, 0x61, 30))  # QEMU: up, keysym, scancode
        writer.write(struct.pack(">BBHH", 5, 1, 7, 8))  # PointerEvent: buttons, x, y
        talk = await server.connected()
        await talk.until(lambda: talk.pointers)
        assert talk.keys == [(True, 0x61, None), (False, 0x61, 30)]
        assert talk.pointers == [(7, 8, 1)]
        writer.close()
        await writer.wait_closed()


async def test_the_fake_server_hears_raw_bytes_and_resets() -> None:
    async def script(talk: Conversation) -> None:
        talk.send(VERSION)
        assert await talk.expect(3) == b"abc"
        talk.reset()

    async with FakeRfbServer(script) as server:
        reader, writer = await _greet(server.port)
        writer.write(b"abc")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert (await server.connected()).received == b"abc"
        writer.close()


def test_vnc_response_is_that_of_a_known_exchange() -> None:
    # Weak key of zeros: DES(0^8 key, 0^8 block) is 8ca64de9c1b123a7 (FIPS 81's table).
    assert vnc_response("", bytes(16)).hex() == "8ca64de9c1b123a7" * 2


async def test_the_proxy_delays_bytes_without_losing_them() -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.towards_client.latency = 0.15
        began = time.monotonic()
        _, writer = await _shake(proxy.port)
        # Four answers of the server follow each other: at least four times the latency.
        assert 0.6 <= time.monotonic() - began < 2.0
        writer.close()


async def test_the_proxy_slices_to_single_bytes() -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.towards_client.slice_size = 1
        proxy.towards_client.slice_delay = 0.001
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert len(await reader.read(100)) < 12
        writer.close()


async def test_a_black_hole_holds_everything_until_healed() -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.black_hole()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        proxy.heal()
        assert await reader.readexactly(12) == VERSION
        writer.close()


async def test_the_proxy_resets_half_closes_limits_and_refuses() -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        reader, writer = await _greet(proxy.port)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

        reader, writer = await _greet(proxy.port)
        proxy.half_close()
        assert await reader.read() == b""
        writer.write(VERSION)
        talk = await server.connected(2)
        await talk.until(lambda: talk.received == VERSION)
        writer.close()

        proxy.towards_client.limit = proxy.towards_client.passed + 5
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await reader.read() == VERSION  # the chunk that reaches the limit is the last
        writer.close()
        proxy.heal()

        await proxy.down()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        await proxy.up()
        _, writer = await _greet(proxy.port)
        writer.close()
    assert (proxy.accepted, proxy.live) == (4, 0)


def test_ports_are_given_once_and_are_not_the_kernels() -> None:
    given = [free_port() for _ in range(50)]
    assert len(set(given)) == len(given)
    with socket.create_server(("127.0.0.1", 0)) as anywhere:
        assert max(given) < anywhere.getsockname()[1]


def test_rows_of_ports_are_apart() -> None:
    rows = [row_of_ports() for _ in range(5)]
    given = {port for row in rows for port in row}
    assert len(given) == sum(map(len, rows))
    assert max(given) < 10_240


def test_no_port_of_a_row_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = row_of_ports(), row_of_ports()
    monkeypatch.setattr(ports, "_rows", iter([first[0], second[0]]))
    with socket.create_server(("127.0.0.1", first[7])):
        assert row_of_ports() == second
