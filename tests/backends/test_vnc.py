"""Dialling VNC consoles: where to, how long, and what is said when it does not work."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from gateway.backends import Backends, Step, Target, Upstream
from gateway.backends.tcp import resolve_host
from gateway.backends.tls import context_for
from gateway.backends.vnc import VncBackend
from gateway.errors import (
    RfbError,
    UpstreamError,
    UpstreamRefused,
    UpstreamTaken,
    UpstreamUnreachable,
)
from gateway.inventory import ConsoleAddress
from gateway.rfb.client import NEARBY
from tests.doubles.authority import Authority
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.rfbserver import VERSION, Conversation, FakeRfbServer
from tests.doubles.watching import Watching, at_port, ignore, machine_at

Address = IPv4Address | IPv6Address


def backends(deadline: float = 10.0, *answers: str) -> Backends:
    async def resolve(_: str) -> list[Address]:
        return [ip_address(answer) for answer in answers]

    vnc = VncBackend(resolve) if answers else VncBackend()
    return Backends({"vnc": vnc, "vnc+unix": vnc}, deadline=deadline)


def named(host: str, port: int) -> Target:
    return machine_at(ConsoleAddress("vnc", host=host, port=port))


async def test_a_dial_tells_its_steps_and_hands_over_a_stream() -> None:
    steps: list[Step] = []
    async with FakeRfbServer(password="secret12") as server:
        machine = at_port(server.port, password="secret12")
        async with Watching(await backends().dial(machine, steps.append)) as screen:
            assert steps == [Step.DIALLING, Step.ANSWERED, Step.AUTHENTICATED]
            server.paint(0, 0, 64, 48, (10, 20, 30))
            await screen.until(lambda: screen.pixels[0, 0, 0] == 10)
            assert (screen.pixels == (10, 20, 30)).all()
            screen.key(0x61)
            talk = await server.connected()
            await talk.until(lambda: len(talk.keys) == 2)
        await talk.until(lambda: talk.closed)


async def test_a_unix_socket_is_dialled_too(tmp_path: Path) -> None:
    path = str(tmp_path / "vnc.sock")
    machine = machine_at(ConsoleAddress("vnc+unix", path=path))
    with pytest.raises(UpstreamUnreachable, match="No such file"):
        await backends().dial(machine, ignore)
    async with FakeRfbServer(path=path) as server:
        upstream = await backends().dial(machine, ignore)
        assert server.live == 1
        await upstream.close()


async def test_what_follows_the_handshake_at_once_is_kept() -> None:
    """A server may send its first frame with ServerInit, in one packet."""

    async def script(talk: Conversation) -> None:
        await talk.handshake()
        talk.owe(talk.server.everything())
        talk.send(b"\x02")  # Bell
        await talk.listen()

    async with FakeRfbServer(script) as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.towards_client.latency = 0.05
        async with Watching(await backends().dial(at_port(proxy.port), ignore)) as screen:
            await screen.until(lambda: 1 < len(screen.events))


@pytest.mark.parametrize("slice_size", [1, 7])
async def test_a_handshake_survives_any_split(slice_size: int) -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.towards_client.slice_size = slice_size
        async with Watching(await backends().dial(at_port(proxy.port), ignore)) as screen:
            assert screen.upstream.connection.name == "fake"


# Where to


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.5", "169.254.169.254"],
        ["fd00:ec2::254"],
    ],
)
async def test_a_name_that_leads_elsewhere_is_never_dialled(answers: list[str]) -> None:
    async with FakeRfbServer() as sentinel:
        with pytest.raises(UpstreamRefused, match="not allowed"):
            await backends(10, *answers).dial(named("hv1.example", sentinel.port), ignore)
        assert sentinel.conversations == []


async def test_a_name_is_resolved_once_and_dialled_as_judged() -> None:
    asked: list[str] = []

    async def turncoat(host: str) -> list[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "169.254.169.254")]

    async with FakeRfbServer() as server:
        dialler = Backends({"vnc": VncBackend(turncoat)})
        upstream = await dialler.dial(named("localhost", server.port), ignore)
        await upstream.close()
    assert asked == ["localhost"]


async def test_the_next_address_is_tried_when_the_first_does_not_answer() -> None:
    async with FakeRfbServer() as server:
        # 127.0.0.2 is this machine too, and nobody listens there.
        machine = named("localhost", server.port)
        upstream = await backends(10, "127.0.0.2", "127.0.0.1").dial(machine, ignore)
        await upstream.close()


async def test_a_busy_process_does_not_make_a_server_far() -> None:
    async with FakeRfbServer() as server:
        asyncio.get_running_loop().call_soon(time.sleep, 0.02)
        async with Watching(await backends().dial(at_port(server.port), ignore)):
            talk = await server.connected()
            await talk.until(lambda: talk.encodings)
            assert NEARBY in talk.encodings


async def test_literal_addresses_and_unknown_names_are_resolved() -> None:
    assert await resolve_host("10.1.2.3") == [IPv4Address("10.1.2.3")]
    with pytest.raises(UpstreamUnreachable, match="cannot be resolved"):
        await resolve_host("no-such-host.invalid")


# How long


async def _silent(talk: Conversation) -> None:
    await talk.silence()


async def _dripping(talk: Conversation) -> None:
    await talk.drip(VERSION * 100, 0.02)


async def _half_way(talk: Conversation) -> None:
    talk.send(VERSION)
    await talk.silence()


@pytest.mark.parametrize("script", [_silent, _dripping, _half_way])
async def test_a_handshake_has_a_deadline(
    script: Callable[[Conversation], Awaitable[None]],
) -> None:
    async with FakeRfbServer(script) as server:
        began = time.monotonic()
        with pytest.raises((UpstreamUnreachable, RfbError)):
            await backends(0.4).dial(at_port(server.port), ignore)
        assert time.monotonic() - began < 1.5
        talk = await server.connected()
        await talk.until(lambda: talk.closed)


async def test_a_cancelled_dial_leaves_no_connection() -> None:
    async with FakeRfbServer(_silent) as server:
        async with asyncio.TaskGroup() as tasks:
            dialling = tasks.create_task(backends().dial(at_port(server.port), ignore))
            talk = await server.connected()
            dialling.cancel()
        await talk.until(lambda: talk.closed)


async def _fill(upstream: Upstream) -> None:
    """Write until the kernel takes no more and half a megabyte lies unsent."""
    transport = upstream._wire._transport
    assert transport is not None
    while transport.get_write_buffer_size() < 500_000:
        upstream.write(bytes(65536))
        await asyncio.sleep(0.02)


async def test_closing_never_hangs() -> None:
    """The other end reads nothing, and what was written lies unsent."""
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        upstream = await backends().dial(at_port(proxy.port), ignore)
        proxy.black_hole()
        await _fill(upstream)
        began = time.monotonic()
        await upstream.close()
        assert time.monotonic() - began < 0.5
        async with asyncio.timeout(0.5):
            await upstream._wire._gone.wait()
        await upstream.close()


async def test_closing_sends_what_was_written_before() -> None:
    async def greedy(talk: Conversation) -> None:
        await talk.handshake()
        await talk.silence()

    async with FakeRfbServer(greedy) as server, FaultProxy("127.0.0.1", server.port) as proxy:
        upstream = await backends().dial(at_port(proxy.port), ignore)
        proxy.black_hole()
        await _fill(upstream)
        upstream.write(b"the end")
        proxy.heal()
        await upstream.close()
        talk = await server.connected()
        await talk.until(lambda: talk.closed)
        assert talk.received.endswith(b"the end")


async def test_an_upstream_that_takes_no_input_is_cut_off() -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        upstream = await backends().dial(at_port(proxy.port), ignore)
        proxy.black_hole()
        for _ in range(200):
            upstream.write(bytes(65536))
        async with Watching(upstream) as screen:
            with pytest.raises(UpstreamError, match="stopped taking input"):
                await screen.until(lambda: False)


async def test_what_waits_to_be_taken_is_known() -> None:
    async with FakeRfbServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        upstream = await backends().dial(at_port(proxy.port), ignore)
        assert upstream.full_since is None
        proxy.black_hole()
        begun = asyncio.get_running_loop().time()
        while upstream.full_since is None:  # until the kernel takes no more
            upstream.write(bytes(65536))
            await asyncio.sleep(0)
        assert begun <= upstream.full_since
        proxy.reset()
        async with Watching(upstream) as screen:
            with pytest.raises(UpstreamError):
                await screen.until(lambda: False)
            assert upstream.full_since is None


async def test_nobody_there() -> None:
    async with FakeRfbServer() as server:
        port = server.port
    with pytest.raises(UpstreamUnreachable, match="Connection refused") as caught:
        await backends().dial(at_port(port), ignore)
    assert str(port) not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "error", "why"),
    [
        (b"", UpstreamUnreachable, "closed the connection during the handshake"),
        (b"HTTP/1.1 400 Bad Request\r\n", RfbError, "does not speak RFB"),
        (VERSION + b"\0\0\0\0\x1aServer is already in use  ", UpstreamTaken, "already in use"),
        (VERSION + b"\0\0\0\0\x08Too many", UpstreamRefused, "Too many"),
    ],
)
async def test_servers_that_turn_us_away(said: bytes, error: type[Exception], why: str) -> None:
    async def script(talk: Conversation) -> None:
        talk.send(said)
        talk.half_close()
        await talk.silence()

    async with FakeRfbServer(script) as server:
        with pytest.raises(error, match=why):
            await backends().dial(at_port(server.port), ignore)


async def test_a_reset_is_an_error_and_an_end_is_none() -> None:
    async with FakeRfbServer() as server:
        first = await backends().dial(at_port(server.port), ignore)
        second = await backends().dial(at_port(server.port), ignore)
        (await server.connected(1)).reset()
        (await server.connected(2)).half_close()
        async with Watching(first) as screen:
            with pytest.raises(UpstreamError, match="Connection reset"):
                await screen.until(lambda: False)
        async with Watching(second) as screen:
            with pytest.raises(ConnectionError, match="has closed"):
                await screen.until(lambda: False)


async def test_a_port_given_to_another_vm_is_noticed() -> None:
    async with FakeRfbServer(name=b"QEMU (db01)") as server:
        machine = at_port(server.port, desktop_name="QEMU (web01)")
        with pytest.raises(UpstreamRefused, match="calls itself"):
            await backends().dial(machine, ignore)
        server.name = b"QEMU (web01)"
        await (await backends().dial(machine, ignore)).close()


async def test_a_scheme_without_a_backend_is_refused() -> None:
    with pytest.raises(UpstreamRefused, match="no backend dials demo"):
        await backends().dial(machine_at(ConsoleAddress("demo", name="web01")), ignore)


# TLS


def _serving(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_file, authority.key_file)
    return context


def _tls_server(authority: Authority) -> FakeRfbServer:
    async def script(talk: Conversation) -> None:
        await talk.vencrypt(_serving(authority))
        await talk.listen()

    return FakeRfbServer(script)


async def test_tls_believes_the_authority_or_the_pin_and_nothing_else(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    async with _tls_server(ours) as server:
        for good in (
            at_port(server.port, tls=True, ca_file=ours.ca_file),
            at_port(server.port, tls=True, pin=ours.pin),
            at_port(server.port, tls=True, pin=ours.pin, ca_file=ours.ca_file),
            at_port(server.port, tls=True, ca_file=ours.ca_file, server_name="localhost"),
        ):
            async with Watching(await backends().dial(good, ignore)) as screen:
                await screen.until(lambda: screen.frames)
        for bad in (
            at_port(server.port, tls=True),
            at_port(server.port, tls=True, ca_file=other.ca_file),
            at_port(server.port, tls=True, pin=other.pin),
            at_port(server.port, tls=True, pin=other.pin, ca_file=ours.ca_file),
            at_port(server.port, tls=True, pin=ours.pin, ca_file=other.ca_file),
            at_port(server.port, tls=True, ca_file=ours.ca_file, server_name="hv9.example"),
        ):
            with pytest.raises(UpstreamRefused, match=r"not trusted|not the pinned one"):
                await backends().dial(bad, ignore)


async def test_no_secret_is_sent_to_the_wrong_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def script(talk: Conversation) -> None:
        talk.send(VERSION)
        await talk.expect(12)
        talk.send(bytes([1, 19]))
        await talk.expect(1)
        talk.send(bytes([0, 2]))
        await talk.expect(2)
        talk.send(b"\0\x01\0\0\x01\x05")  # accepted; one subtype: X509Vnc, 261
        await talk.expect(4)
        talk.send(b"\x01")
        await talk.start_tls(_serving(authority))
        talk.send(bytes(16))  # a challenge; its answer would betray the password
        await talk.silence()

    async with FakeRfbServer(script) as server:
        machine = at_port(server.port, tls=True, pin="00" * 32, password="secret12")
        with pytest.raises(UpstreamRefused, match="not the pinned one"):
            await backends().dial(machine, ignore)
        talk = await server.connected()
        await talk.until(lambda: talk.closed)
        # Version, security type, VeNCrypt's version and subtype, and not a byte behind them.
        assert len(talk.received) == 12 + 1 + 2 + 4


async def test_bytes_before_tls_are_not_believed(tmp_path: Path) -> None:
    """Somebody on the way adds a SecurityResult in clear behind the server's last word."""
    authority = Authority(tmp_path)

    async def script(talk: Conversation) -> None:
        await talk.vencrypt(_serving(authority), injected=b"\0\0\0\x01\0\0\0\x02no")
        await talk.listen()

    async with FakeRfbServer(script) as server:
        machine = at_port(server.port, tls=True, ca_file=authority.ca_file)
        with pytest.raises(RfbError, match=r"none were expected|before TLS"):
            await backends().dial(machine, ignore)


def test_old_tls_is_never_spoken() -> None:
    for console in (
        ConsoleAddress("vnc", host="hv1.example", port=1, tls=True),
        ConsoleAddress("vnc", host="hv1.example", port=1, tls=True, pin="ab" * 32),
    ):
        assert context_for(console).minimum_version == ssl.TLSVersion.TLSv1_2


def test_an_authority_that_cannot_be_read_refuses(tmp_path: Path) -> None:
    console = ConsoleAddress("vnc", host="a", port=1, tls=True, ca_file=tmp_path / "none.pem")
    with pytest.raises(UpstreamRefused, match="authorities cannot be read: No such file"):
        context_for(console)
