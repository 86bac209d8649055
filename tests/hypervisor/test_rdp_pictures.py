"""RDP servers under load: scrolling text and a moving picture, as the X server behind has them.

Exact to the pixel for each of them: FreeRDP is told to offer no codec that loses anything.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from Xlib import X, display

from gateway.backends import Backends
from gateway.backends.rdp import RdpBackend
from gateway.rfb.encodings.words import as_words
from gateway.rfb.events import Resized
from tests.backends.rdp.servers import RdpServer, Shadow, Xrdp
from tests.bench.clock import ROWS, WIDTH, Clock, key_block
from tests.bench.screen import painting
from tests.doubles.folders import NewFolder
from tests.doubles.pictures import difference
from tests.doubles.watching import Watching, ignore
from tests.doubles.xclient import open_display
from tests.hypervisor.programs import need
from tests.hypervisor.xservers import Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

SIZE = (1280, 800)
PATIENCE = 30.0
A, A_SCANCODE, A_KEYCODE = 0x61, 0x1E, 38


@pytest.fixture(scope="module")
def behind(new_folder: NewFolder) -> Iterator[Xvnc]:
    """What the RDP servers show; xrdp would give it its client's first size."""
    need("Xvnc", "xfreerdp", "xrandr")
    server = Xvnc(new_folder(), "-AcceptSetDesktopSize=0", size=f"{SIZE[0]}x{SIZE[1]}")
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["xrdp", "tls", "nla"])
def server(
    request: pytest.FixtureRequest, new_folder: NewFolder, behind: Xvnc
) -> Iterator[RdpServer]:
    """Each of them in turn: xrdp (TLS), freerdp-shadow with TLS, and with NLA."""
    folder = new_folder()
    if request.param == "xrdp":
        started: RdpServer = Xrdp(folder, behind)
    else:
        started = Shadow(folder, behind, nla=request.param == "nla")
    yield started
    started.stop()


class Motion:
    """Text that scrolls, or a moving picture, with a clock in it and a block that keys turn."""

    def __init__(self, painter: int) -> None:
        self._painter = painter

    @contextmanager
    def stopped(self) -> Iterator[None]:
        os.kill(self._painter, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._painter, signal.SIGCONT)


@pytest.fixture(scope="module", params=["lines", "video"])
def motion(request: pytest.FixtureRequest, behind: Xvnc) -> Iterator[Motion]:
    with painting(behind.display, request.param) as painter:
        yield Motion(painter.pid)


@pytest.fixture(autouse=True)
def _as_it_was(behind: Xvnc) -> None:
    behind.run("xrandr", "--size", f"{SIZE[0]}x{SIZE[1]}")


@pytest.fixture
def backends() -> Backends:
    return Backends({"rdp": RdpBackend()})


class Picture:
    """What the gateway has of it."""

    def __init__(self, screen: Watching) -> None:
        self.screen = screen

    async def moves(self, pictures: int = 10) -> None:
        """Until so many different times were seen in it."""
        seen: set[int] = set()

        def enough() -> bool:
            counter = Clock().read(self._top)
            if counter is not None:
                seen.add(counter)
            return pictures <= len(seen)

        await self.screen.until(enough, PATIENCE)

    async def equals(self, behind: Xvnc) -> None:
        """Until it has the X server's size and all of its pixels. Raises: AssertionError."""
        end = time.monotonic() + PATIENCE
        while not np.array_equal(truth := behind.screendump(), self.screen.pixels):
            if end < time.monotonic():
                pytest.fail(difference(self.screen.pixels, truth))
            await self.screen.during(0.2)

    @property
    def block(self) -> bool:
        """Whether the key's block is white."""
        return key_block(self._top)

    @property
    def _top(self) -> np.ndarray:
        framebuffer = self.screen.upstream.connection.framebuffer
        return as_words(framebuffer.pixels)[:ROWS, :WIDTH]


@contextmanager
def looking_at(server: Xvnc) -> Iterator[display.Display]:
    """A client of the X server."""
    with ExitStack() as stack:
        client = open_display(server.display)
        stack.callback(client.close)
        yield client


async def watch(backends: Backends, server: RdpServer) -> Picture:
    """A console with its pointer where we put it: else Xvnc paints it."""
    screen = Watching(await backends.dial(server.machine(), ignore))
    screen.point(2, 2)
    return Picture(screen)


async def test_what_moved_is_the_x_servers_pixel_by_pixel(
    server: RdpServer, behind: Xvnc, motion: Motion, backends: Backends
) -> None:
    picture = await watch(backends, server)
    async with picture.screen:
        stills = []
        for _ in range(3):
            await picture.moves()
            with motion.stopped():
                await picture.equals(behind)
                assert picture.screen.size == SIZE
                stills.append(picture.screen.pixels.tobytes())
        assert len(set(stills)) == 3


async def test_keys_and_the_pointer_arrive_while_it_moves(
    server: RdpServer, behind: Xvnc, motion: Motion, backends: Backends
) -> None:
    picture = await watch(backends, server)
    with looking_at(behind) as client:
        root = client.screen().root
        client.change_keyboard_control(auto_repeat_mode=X.AutoRepeatModeOff)
        client.sync()

        def held() -> bool:
            return bool(client.query_keymap()[A_KEYCODE // 8] >> A_KEYCODE % 8 & 1)

        def pointer() -> tuple[int, int]:
            place = root.query_pointer()
            return place.root_x, place.root_y

        async with picture.screen as screen:
            for number in range(3):
                await picture.moves(3)
                before, place = picture.block, (300 + 200 * number, 500 - 100 * number)
                press(screen, down=True)
                await until(screen, held)
                await screen.until(lambda: picture.block is not before, PATIENCE)  # noqa: B023
                press(screen, down=False)
                screen.point(*place)
                await until(screen, lambda: pointer() == place and not held())  # noqa: B023


async def test_a_change_of_mode_in_the_middle_is_followed(
    server: RdpServer, behind: Xvnc, motion: Motion, backends: Backends
) -> None:
    picture = await watch(backends, server)
    async with picture.screen as screen:
        await picture.moves()
        for size in ((1024, 768), SIZE):
            behind.run("xrandr", "--size", f"{size[0]}x{size[1]}")
            await screen.until(lambda: screen.size == size, PATIENCE)  # noqa: B023
            await picture.moves(3)
            with motion.stopped():
                await picture.equals(behind)
        assert [event for event in screen.events if isinstance(event, Resized)]


def press(screen: Watching, *, down: bool) -> None:
    screen.upstream.connection.send_key(down, A, A_SCANCODE)
    screen.upstream.write(screen.upstream.connection.data_to_send())


async def until(screen: Watching, true: Callable[[], bool]) -> None:
    """Watch until something is so that we are not told of. Raises: TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not true():
            await screen.during(0.05)
