"""VNC clients that others wrote, through `eva-gateway connect --listen`, at a real QEMU."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncvnc  # type: ignore[import-untyped]
import numpy as np
import pytest
from PIL import Image

from tests.hypervisor.console_visit import at_loopback, consented_console
from tests.hypervisor.desk import Desk
from tests.hypervisor.echo import GRAPHICS_KEY, GRAPHICS_SIZE, TEXT_KEY, EchoGuest
from tests.hypervisor.gateway_viewer import Pixels, same

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

LOOK_AGAIN = 0.2  # seconds between looks at programs that announce nothing


async def until(true: Callable[[], bool], within: float = 40.0) -> None:
    """Look until it is true, and let the gateway go on meanwhile. Raises: TimeoutError."""
    async with asyncio.timeout(within):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(LOOK_AGAIN)


async def test_asyncvnc_sees_the_screen_and_types(echo: EchoGuest, tmp_path: Path) -> None:
    async with (
        consented_console(tmp_path, at_loopback(echo.port)) as visit,
        visit.listening() as port,
        asyncio.timeout(60),
        asyncvnc.connect("127.0.0.1", port) as client,
    ):
        client.keyboard.write("from asyncvnc")
        await client.drain()
        await until(lambda: "from asyncvnc" in echo.text())
        while not same((await client.screenshot())[:, :, :3], echo.screendump()):
            pass


async def vncdo(port: int, *commands: str) -> None:
    """vncdotool's own program, from its connection to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vncdotool.command", "--server", f"127.0.0.1::{port}"),
        *("--timeout", "40", *commands),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_vncdotool_types_and_captures_the_screen(echo: EchoGuest, tmp_path: Path) -> None:
    picture = tmp_path / "screen.png"
    async with (
        consented_console(tmp_path, at_loopback(echo.port)) as visit,
        visit.listening() as port,
    ):
        await vncdo(port, "type", "fromvncdo")
        await until(lambda: "fromvncdo" in echo.text())
        await vncdo(port, "capture", str(picture))  # by a second viewer, after the first
        with Image.open(picture) as image:
            assert same(np.asarray(image.convert("RGB")), echo.screendump())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.stop()


async def test_tigervncs_viewer_shows_the_screen_follows_it_and_types(
    desk: Desk, echo: EchoGuest, tmp_path: Path
) -> None:
    def shows_it() -> bool:
        """Pixel by pixel, at last: what came as JPEG at first is refined without loss."""
        return same(desk.shown(), echo.screendump())

    async with (
        consented_console(tmp_path, at_loopback(echo.port)) as visit,
        visit.listening() as port,
    ):
        desk.view(port)
        await until(shows_it)
        await asyncio.to_thread(desk.type, "from tigervnc")
        await until(lambda: "from tigervnc" in echo.text())
        await until(shows_it)

        await asyncio.to_thread(desk.type, GRAPHICS_KEY)
        await until(lambda: size(echo.screendump()) == GRAPHICS_SIZE)
        assert echo.screendump().any()
        await until(shows_it)

        await asyncio.to_thread(desk.type, f"{TEXT_KEY}back again")
        await until(lambda: "back again" in echo.text())
        await until(shows_it)


def size(pixels: Pixels) -> tuple[int, int]:
    height, width, _ = pixels.shape
    return width, height
