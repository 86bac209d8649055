"""Real screens through the whole gateway: what its viewers see is what the hypervisor has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.inventory import ConsoleAddress
from tests.hypervisor.console_visit import Visit, at_loopback, consented_console
from tests.hypervisor.echo import (
    GRAPHICS_KEY,
    GRAPHICS_SIZE,
    TEXT_KEY,
    TEXT_SIZE,
    EchoGuest,
)
from tests.hypervisor.gateway_viewer import GatewayViewer
from tests.hypervisor.programs import need
from tests.hypervisor.qemu import VNC_PASSWORD, Qemu
from tests.hypervisor.xservers import X11vnc, XServer, Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

CONTROL = 0xFFE3
# XT scancodes (set 1) of "echo seen\n".
ECHO_SEEN = (0x12, 0x2E, 0x23, 0x18, 0x39, 0x1F, 0x12, 0x12, 0x31, 0x1C)


async def test_an_operator_types_and_a_tenant_watches_the_same_pixels(
    firmware: Callable[..., Qemu], tmp_path: Path
) -> None:
    qemu = firmware()
    async with (
        consented_console(tmp_path, at_loopback(qemu.port)) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        await into_ipxes_shell(operator, qemu)
        assert operator.connection.extended_keys
        await operator.type("echo seen\n", scancodes=ECHO_SEEN)
        await holds(operator, qemu, "    seen")  # the command's output, at the start of a line
        await tenant.type("zz")
        await operator.type("echo again\n")
        await holds(operator, qemu, "    again")
        assert "z" not in qemu.text().rpartition("seen")[2]
        for viewer in (operator, tenant):
            await viewer.sees(qemu.screendump)
            assert viewer.size == TEXT_SIZE
            assert viewer.pixels.any()


async def into_ipxes_shell(operator: GatewayViewer, qemu: Qemu) -> None:
    """Ctrl+B, offered for some seconds, leads to iPXE's own command line."""
    async with asyncio.timeout(40):
        while "iPXE>" not in qemu.text():
            await operator.chord(CONTROL, ord("b"))
            await operator.news()


async def holds(viewer: GatewayViewer, qemu: Qemu, text: str, within: float = 30.0) -> None:
    """Wait until the guest's text memory holds `text`. Raises: TimeoutError."""
    async with asyncio.timeout(within):
        while text not in qemu.text():
            await viewer.news()


async def test_a_linux_guests_console_is_shown_and_takes_keys(qemu: Qemu, tmp_path: Path) -> None:
    async with (
        consented_console(tmp_path, at_loopback(qemu.port)) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        await holds(operator, qemu, "guest login:", within=90)
        await operator.sees(qemu.screendump)
        before = qemu.text()
        await operator.type("\n")  # asks login, or a shell, for another line
        async with asyncio.timeout(30):
            while qemu.text() == before:
                await operator.news()
        for viewer in (operator, tenant):
            await viewer.sees(qemu.screendump)


async def test_viewers_follow_a_guest_through_its_video_modes(
    echo: EchoGuest, tmp_path: Path
) -> None:
    async with (
        consented_console(tmp_path, at_loopback(echo.port)) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        for key, size in ((GRAPHICS_KEY, GRAPHICS_SIZE), (TEXT_KEY, TEXT_SIZE)):
            await operator.type(key)
            for viewer in (operator, tenant):
                await viewer.until(lambda: viewer.size == size)  # noqa: B023 - awaited at once
                await viewer.sees(echo.screendump)
                assert viewer.pixels.any() == (key == GRAPHICS_KEY)  # text mode begins empty
            view = visit.session().view()
            assert (view.width, view.height) == size
        assert GRAPHICS_SIZE in operator.sizes
        assert GRAPHICS_SIZE in tenant.sizes
        await operator.type("still typing")
        await holds(operator, echo, "still typing")
        await tenant.sees(echo.screendump)


async def test_viewers_stay_while_qemu_is_killed_and_started_again(
    echo: EchoGuest, tmp_path: Path
) -> None:
    async with (
        consented_console(tmp_path, at_loopback(echo.port)) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        await operator.type("before")
        await holds(operator, echo, "before")
        await tenant.sees(echo.screendump)
        last_picture = tenant.pixels.copy()

        echo.kill()
        view = await visit.becomes("reconnecting")
        assert len(view.participants) == 2
        assert await visit.shown_state() == "reconnecting"
        assert (tenant.pixels == last_picture).all()

        echo.start()
        await visit.becomes("live")
        await until_booted(operator, echo)
        await operator.type("after")
        await holds(operator, echo, "after")
        assert "before" not in echo.text()
        for viewer in (operator, tenant):
            await viewer.sees(echo.screendump)
            assert viewer.open
        assert await visit.shown_state() == "live"


async def until_booted(viewer: GatewayViewer, echo: EchoGuest) -> None:
    async with asyncio.timeout(30):
        while not echo.booted():
            await viewer.news()


DOORS: dict[str, Callable[[Qemu], ConsoleAddress]] = {
    "password": lambda qemu: at_loopback(qemu.password_port, password=VNC_PASSWORD),
    "unix socket": lambda qemu: ConsoleAddress("vnc+unix", path=str(qemu.unix_path)),
    "x509": lambda qemu: at_loopback(qemu.tls_port, tls=True, ca_file=qemu.authority.ca_file),
    "x509 and password": lambda qemu: at_loopback(
        qemu.tls_password_port, tls=True, pin=qemu.authority.pin, password=VNC_PASSWORD
    ),
}


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_of_qemu_leads_to_its_screen(
    door: str, echo: EchoGuest, tmp_path: Path
) -> None:
    async with (
        consented_console(tmp_path, DOORS[door](echo)) as visit,
        visit.operator() as operator,
    ):
        await operator.type("let in")
        await holds(operator, echo, "let in")
        await operator.sees(echo.screendump)


async def types_and_sees(visit: Visit, server: XServer, folder: Path) -> None:
    """A line that the operator types reaches a program on the screen; the tenant sees it too."""
    heard = folder / "heard.txt"
    async with visit.operator() as operator, visit.tenant() as tenant:
        await operator.point(100, 100)
        server.xterm("sh", "-c", f'echo ready; read line; echo "$line" > {heard}; exec cat')
        async with asyncio.timeout(30):
            while not (server.screendump() == 255).all(axis=2).any():  # the xterm's paper
                await operator.news()
        await operator.type("typed through the gateway\n")
        async with asyncio.timeout(30):
            while not (heard.exists() and heard.read_text()):
                await operator.news()
        assert heard.read_text() == "typed through the gateway\n"
        for viewer in (operator, tenant):
            await viewer.sees(server.screendump)
            assert (viewer.pixels != viewer.pixels[-1, -1]).any()


async def test_xvnc_through_the_gateway(xvnc: Xvnc, tmp_path: Path) -> None:
    async with consented_console(tmp_path, at_loopback(xvnc.port)) as visit:
        await types_and_sees(visit, xvnc, tmp_path)


async def test_x11vnc_through_the_gateway(x11vnc: X11vnc, tmp_path: Path) -> None:
    async with consented_console(tmp_path, at_loopback(x11vnc.port)) as visit:
        await types_and_sees(visit, x11vnc, tmp_path)


async def test_xvnc_is_resized_by_xrandr_while_people_watch(xvnc: Xvnc, tmp_path: Path) -> None:
    need("xrandr")
    async with (
        consented_console(tmp_path, at_loopback(xvnc.port)) as visit,
        visit.operator() as operator,
        visit.tenant() as tenant,
    ):
        for size in ((1024, 768), (640, 480)):
            await asyncio.to_thread(xvnc.run, "xrandr", "-s", f"{size[0]}x{size[1]}")
            await asyncio.to_thread(xvnc.run, "xsetroot", "-mod", "7", "5")
            for viewer in (operator, tenant):
                await viewer.until(lambda: viewer.size == size)  # noqa: B023 - awaited at once
                await viewer.sees(xvnc.screendump)
                assert viewer.open
