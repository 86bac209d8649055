"""Real screens inside WebSockets: QEMU's own, behind the APIs' doubles, behind websockify."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.backends import Backends, backends_of, load_kinds
from gateway.backends.wss import WssOptions
from gateway.errors import UpstreamError
from gateway.inventory import ConsoleAddress, Machine
from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.apiworld import World
from tests.doubles.authority import Authority
from tests.doubles.kubevirt import KubevirtDouble
from tests.doubles.openstack import OpenstackDouble
from tests.doubles.ports import free_port
from tests.doubles.proxmox import ProxmoxDouble
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.watching import Watching, ignore, machine_at
from tests.doubles.xapi import XapiDouble
from tests.hypervisor.console_visit import consented_console
from tests.hypervisor.echo import EchoGuest
from tests.hypervisor.programs import Child, wait_for
from tests.hypervisor.qemu import Qemu
from tests.hypervisor.test_qemu import CONTROL, screen_equals, shows
from tests.hypervisor.test_through_the_gateway import holds, until_booted
from tests.hypervisor.test_x_servers import keys_change_it
from tests.hypervisor.xservers import Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(120)]

Firmware = Callable[..., Qemu]
KINDS = load_kinds()
ALL = ("wss", "proxmox", "kubevirt", "openstack", "xenserver")


class OwnSocket(World):
    """QEMU's own WebSocket, which speaks TLS as its VNC server does."""

    def _console(self) -> str:
        return "wss://127.0.0.1:PORT/"


@asynccontextmanager
async def behind(kind: str, qemu: Qemu) -> AsyncIterator[World]:
    """A world whose screen is QEMU's."""

    def lock(password: str) -> None:
        qemu.qmp.run("set_password", protocol="vnc", password=password, display="pw")

    plain = Screen(websocket_port=qemu.websocket_port)
    locked = Screen(websocket_port=qemu.password_websocket_port)
    api: Any
    match kind:
        case "wss":
            screen = Screen(port=qemu.tls_websocket_port)
            yield OwnSocket("wss", screen, FakeRfbServer(), qemu.authority, qemu.folder)
            return
        case "proxmox":
            api = ProxmoxDouble(qemu.authority, locked, lock)
        case "kubevirt":
            api = KubevirtDouble(qemu.authority, plain)
        case "xenserver":
            api = XapiDouble(qemu.authority, plain)
        case _:
            api = OpenstackDouble(qemu.authority, plain)
    assert isinstance(api, ApiDouble)
    async with api:
        yield World(kind, api, FakeRfbServer(), qemu.authority, qemu.folder)


@pytest.mark.parametrize("kind", ALL)
async def test_the_picture_is_qemus_own_and_keys_reach(firmware: Firmware, kind: str) -> None:
    qemu, dialler = firmware(), Backends(backends_of(KINDS))
    async with behind(kind, qemu) as world:
        machine = world.machine(desktop_name='"QEMU (guest)"')
        async with Watching(await dialler.dial(machine, ignore)) as screen:
            # Ctrl+B, offered for some seconds, leads to iPXE's own command line.
            async with asyncio.timeout(30):
                while "iPXE>" not in qemu.text():
                    screen.chord(CONTROL, ord("b"))
                    await screen.during(0.3)
            for letter in "echo hello\n":
                screen.type(letter)
                await screen.during(0.05)
            await shows(screen, qemu, "   hello", 20)
            assert await screen_equals(screen, qemu)
        qemu.kill()
        with pytest.raises(UpstreamError):
            await dialler.dial(machine, ignore)


@pytest.mark.parametrize("kind", ALL)
async def test_a_session_comes_back_with_its_vm(kind: str, echo: EchoGuest, tmp_path: Path) -> None:
    async with (
        behind(kind, echo) as world,
        consented_console(tmp_path, world.machine().console) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        await operator.type("before")
        await holds(operator, echo, "before")
        await operator.sees(echo.screendump)
        await tenant.sees(echo.screendump)
        echo.kill()
        await visit.becomes("reconnecting")
        echo.start()
        await visit.becomes("live")
        await until_booted(operator, echo)
        await operator.type("after")
        await holds(operator, echo, "after")
        for viewer in (operator, tenant):
            await viewer.sees(echo.screendump)
            assert viewer.open


class Websockify:
    """websockify itself, which Nova's proxy is made of: TLS, and a token in the address."""

    def __init__(self, folder: Path, authority: Authority, vnc_port: int) -> None:
        self.port = free_port()
        (folder / "tokens").write_text(f"web01: 127.0.0.1:{vnc_port}\n")
        command = [
            *(sys.executable, "-m", "websockify", "--ssl-only", "--cert"),
            *(str(authority.certificate_file), "--key", str(authority.key_file)),
            *("--token-plugin", "TokenFile", "--token-source", str(folder / "tokens")),
            f"127.0.0.1:{self.port}",
        ]
        self.child = Child(command, folder / "websockify.log")
        wait_for(self._listens, "websockify")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def websockify(xvnc: Xvnc, tmp_path: Path) -> Iterator[tuple[Websockify, Authority]]:
    authority = Authority(tmp_path / "tls")
    relay = Websockify(tmp_path, authority, xvnc.port)
    yield relay, authority
    relay.child.kill()


def through(relay: Websockify, authority: Authority, token: str) -> Machine:
    """Xvnc's console behind websockify."""
    return machine_at(
        ConsoleAddress(
            "wss", host="127.0.0.1", port=relay.port, path=f"/websockify?token={token}", tls=True,
            ca_file=authority.ca_file, options=WssOptions("binary", ()),
        )
    )  # fmt: skip


async def test_xvnc_behind_websockify_arrives_pixel_exact_and_takes_keys(
    xvnc: Xvnc, websockify: tuple[Websockify, Authority]
) -> None:
    dialler = Backends(backends_of(KINDS))
    async with Watching(await dialler.dial(through(*websockify, "web01"), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        await keys_change_it(screen, xvnc)
        assert screen.upstream.connection.continuous_updates


async def test_websockify_turns_a_wrong_token_away(
    websockify: tuple[Websockify, Authority],
) -> None:
    dialler = Backends(backends_of(KINDS))
    with pytest.raises(UpstreamError):
        await dialler.dial(through(*websockify, "web09"), ignore)
