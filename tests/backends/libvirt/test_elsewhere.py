"""Consoles on other hosts, which their libvirtd is asked for over TLS: a real one, real QEMUs."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop

from gateway.backends import Backends, backends_of
from gateway.backends.libvirt import LibvirtBackend, link
from gateway.backends.wire import Wire
from gateway.errors import MachineOff, RfbError, UpstreamRefused, UpstreamUnreachable
from gateway.inventory import Machine
from gateway.policy.facts import Power
from tests.backends.libvirt.libvirtd import (
    KINDS,
    VNC_PASSWORD,
    Domain,
    Libvirtd,
    listening,
    machine,
)
from tests.backends.libvirt.test_here import NO_VM, children, until
from tests.doubles.authority import Authority
from tests.doubles.ports import free_port
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.test_qemu import screen_equals, shows, type_at

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

NewDomain = Callable[..., Domain]


def known(libvirtd: Libvirtd) -> dict[str, Any]:
    """The certificate that the host admits."""
    return identity(libvirtd.authority)


def identity(authority: Authority) -> dict[str, Any]:
    return {
        "certificate_file": str(authority.certificate_file),
        "key_file": str(authority.key_file),
    }


@pytest.fixture
def distant(web02: Domain, libvirtd: Libvirtd) -> Machine:
    return web02.elsewhere(settled=known(libvirtd), ca_file=str(libvirtd.authority.ca_file))


async def test_the_picture_is_qemus_own_and_keys_reach(
    web02: Domain, distant: Machine, backends: Backends
) -> None:
    """libvirt tells the VNC server's password, which the entry does not have."""
    upstream = await backends.dial(distant, ignore)
    async with Watching(upstream) as screen:
        await type_at(screen, "typed ")
        await shows(screen, web02, "typed")  # type: ignore[arg-type]
        assert await screen_equals(screen, web02)  # type: ignore[arg-type]
    assert VNC_PASSWORD not in repr(distant)


def test_it_does_so_on_uvloop_too(distant: Machine) -> None:
    async def look() -> None:
        async with Watching(await Backends(backends_of(KINDS)).dial(distant, ignore)) as screen:
            await screen.until(lambda: screen.frames)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(look())


async def test_power_is_told(web02: Domain, distant: Machine) -> None:
    backend = LibvirtBackend()
    assert await backend.power(distant) is Power.RUNNING
    web02.destroy()
    assert await backend.power(distant) is Power.OFF
    with pytest.raises(MachineOff):
        await backend.dial(distant, ignore)


async def test_nobody_is_let_in_who_cannot_prove_themselves(
    web02: Domain, libvirtd: Libvirtd, backends: Backends, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    admitted = known(libvirtd)
    ca_file, pin = str(libvirtd.authority.ca_file), libvirtd.authority.pin
    for target, error, why in (
        (web02.elsewhere(settled={}, ca_file=ca_file), UpstreamRefused, "does not admit"),
        (
            web02.elsewhere(settled=identity(other), ca_file=ca_file),
            UpstreamRefused,
            "does not admit",
        ),
        (
            web02.elsewhere(settled=admitted, ca_file=str(other.ca_file)),
            UpstreamRefused,
            "not trusted",
        ),
        (web02.elsewhere(settled=admitted, pin=other.pin), UpstreamRefused, "not the pinned one"),
        (
            web02.elsewhere(settled=admitted, ca_file=ca_file, server_name="hv9.example"),
            UpstreamRefused,
            "not trusted",
        ),
        (
            web02.elsewhere(settled=admitted, pin=pin, password="wrong"),
            UpstreamRefused,
            "Authentication failed",
        ),
        (
            web02.elsewhere(settled=admitted | {"plain_vnc": True}, pin=pin),
            RfbError,
            "offers only vencrypt",
        ),
        (
            web02.elsewhere(settled={k: f"{v}.none" for k, v in admitted.items()}, pin=pin),
            UpstreamRefused,
            "certificate for libvirt cannot be read",
        ),
    ):
        with pytest.raises(error, match=why) as caught:
            await backends.dial(target, ignore)
        assert VNC_PASSWORD not in str(caught.value)
    right = web02.elsewhere(settled=admitted, pin=pin, password=VNC_PASSWORD)
    await (await backends.dial(right, ignore)).close()


async def test_a_screen_that_is_out_of_reach_is_said_to_be(
    new_domain: NewDomain, libvirtd: Libvirtd, backends: Backends
) -> None:
    ca_file = str(libvirtd.authority.ca_file)
    unheard = new_domain("unheard")
    target = unheard.elsewhere(settled=known(libvirtd), ca_file=ca_file)
    with pytest.raises(UpstreamRefused, match="listens on no port"):
        await backends.dial(target, ignore)
    closed = free_port()
    libvirtd.port, port = closed, libvirtd.port
    try:
        target = unheard.elsewhere(settled={}, ca_file=ca_file)
    finally:
        libvirtd.port = port
    with pytest.raises(UpstreamUnreachable, match="refused"):
        await backends.dial(target, ignore)


async def test_who_listens_everywhere_is_dialled_at_the_host(
    new_domain: NewDomain, libvirtd: Libvirtd, backends: Backends
) -> None:
    domain = new_domain("wide", listening("0.0.0.0"))
    target = domain.elsewhere(settled=known(libvirtd), ca_file=str(libvirtd.authority.ca_file))
    async with Watching(await backends.dial(target, ignore)) as screen:
        await screen.until(lambda: screen.frames)


async def test_plain_vnc_is_for_who_asks_for_it(backends: Backends, other_host: Libvirtd) -> None:
    domain = other_host.define("plain", listening())
    settled, ca_file = known(other_host), str(other_host.authority.ca_file)
    with pytest.raises(RfbError, match="TLS is configured"):
        await backends.dial(domain.elsewhere(settled=settled, ca_file=ca_file), ignore)
    target = domain.elsewhere(settled=settled | {"plain_vnc": True}, ca_file=ca_file)
    async with Watching(await backends.dial(target, ignore)) as screen:
        await screen.until(lambda: screen.frames)


async def test_a_host_that_hangs_or_breaks_off_leaves_nothing(
    libvirtd: Libvirtd, distant: Machine
) -> None:
    impatient = Backends(backends_of(KINDS), deadline=1.0)
    await (await Backends(backends_of(KINDS)).dial(distant, ignore)).close()
    own = psutil.Process()
    files, threads = own.num_fds(), threading.active_count()
    libvirtd.freeze()
    with pytest.raises(UpstreamUnreachable, match="no screen within 1 s"):
        await impatient.dial(distant, ignore)
    libvirtd.thaw()
    assert children() == []
    await until(lambda: own.num_fds() == files)
    assert threading.active_count() <= threads + 1  # TLS contexts are made in asyncio's own pool


async def test_a_host_that_falls_silent_behind_its_tls_is_given_up(
    libvirtd: Libvirtd, distant: Machine
) -> None:
    impatient = Backends(backends_of(KINDS), deadline=2.0)
    for _ in range(10):
        dialling = asyncio.create_task(impatient.dial(distant, ignore))
        while not (children() or dialling.done()):  # TLS is done by then
            await asyncio.sleep(0.01)
        libvirtd.freeze()
        try:
            await (await dialling).close()
            libvirtd.thaw()  # it was quicker than we
        except UpstreamUnreachable as error:
            assert "no screen within 2 s" in str(error)
            break
    else:
        pytest.fail("it was never caught in the middle")
    assert children() == []


async def test_a_host_that_never_admits_anybody_is_given_up(tmp_path: Path) -> None:
    """It does TLS, and then says neither yes nor no."""
    authority, ended = Authority(tmp_path), asyncio.Event()

    async def host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()
        ended.set()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.certificate_file, authority.key_file)
    server = await asyncio.start_server(host, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    target = machine(f"libvirt://127.0.0.1:{port}/system/{NO_VM}", {}, {"pin": authority.pin})
    async with server:
        impatient = Backends(backends_of(KINDS), deadline=5.0)
        with pytest.raises(UpstreamUnreachable, match="no screen within 5 s"):
            await impatient.dial(target, ignore)
        async with asyncio.timeout(30):
            await ended.wait()
    assert children() == []


async def test_fifty_consoles_leave_nothing(distant: Machine, backends: Backends) -> None:
    async def once() -> None:
        await (await backends.dial(distant, ignore)).close()

    for _ in range(3):
        await once()
    own = psutil.Process()
    files, tasks = own.num_fds(), len(asyncio.all_tasks())
    for _ in range(50):
        await once()
    await until(lambda: own.num_fds() == files)
    assert len(asyncio.all_tasks()) == tasks
    assert children() == []


async def test_libvirts_way_in_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is open its name is known to the machine, and another user's connection is cut."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as host:
        _, wire = await loop.create_connection(Wire, *host.getsockname())
        host_end, _ = host.accept()
    with host_end, socket.socket(socket.AF_UNIX) as ours, socket.socket(socket.AF_UNIX) as theirs:
        for end in (host_end, ours, theirs):
            end.setblocking(False)
        async with link.offered(wire) as name, asyncio.timeout(30):
            address = b"\0" + name[1:].encode().ljust(107, b"\0")
            with monkeypatch.context() as elsewhere:
                elsewhere.setattr(link.os, "geteuid", lambda: 54321)
                await loop.sock_connect(theirs, address)
                assert await loop.sock_recv(theirs, 1) == b""
            await loop.sock_connect(ours, address)
            await loop.sock_sendall(ours, b"asked")
            assert await loop.sock_recv(host_end, 16) == b"asked"
            await loop.sock_sendall(host_end, b"told")
            assert await loop.sock_recv(ours, 16) == b"told"
        async with asyncio.timeout(30):
            assert await loop.sock_recv(ours, 1) == b""
        with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as late:
            late.connect(address)
