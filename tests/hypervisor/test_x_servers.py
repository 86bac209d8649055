"""Xvnc and x11vnc, reached through the backends."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from gateway.backends import Backends
from gateway.rfb.events import Resized
from gateway.rfb.operations import Copy
from gateway.rfb.wire import Encoding
from tests.doubles.watching import Watching, at_port, ignore
from tests.hypervisor.programs import need
from tests.hypervisor.xservers import X11vnc, XServer, Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(90)]

# The 256 colours of an xterm, as printf(1) takes them.
RAINBOW = "".join(f"\\033[48;5;{colour}m{colour:4}" for colour in range(256))


async def screen_equals(screen: Watching, server: XServer, within: float = 10.0) -> bool:
    """Whether our pixels become the X server's own."""
    for _ in range(int(within / 0.1)):
        await screen.during(0.1)
        expected = server.screendump()
        if expected.shape == screen.pixels.shape and np.array_equal(expected, screen.pixels):
            return True
    return False


async def keys_change_it(screen: Watching, server: XServer) -> None:
    """Type at an xterm under the pointer, and see the same as the X server."""
    need("xterm")
    server.xterm()
    screen.point(100, 100)
    async with asyncio.timeout(20):  # until the xterm is there and its program too
        while not (server.screendump() == 255).all(axis=2).any():
            await screen.during(0.2)
    await screen.during(0.5)
    assert await screen_equals(screen, server)
    before = screen.pixels.copy()
    for letter in "typed by a viewer\n":
        screen.type(letter)
        await screen.during(0.05)
    assert await screen_equals(screen, server)
    assert 200 < np.count_nonzero((before != screen.pixels).any(axis=2))


async def test_xvnc_arrives_pixel_exact_and_takes_keys(xvnc: Xvnc, backends: Backends) -> None:
    upstream = await backends.dial(at_port(xvnc.port), ignore)
    assert upstream.connection.name == "xvnc"
    async with Watching(upstream) as screen:
        await screen.until(lambda: screen.frames)
        await keys_change_it(screen, xvnc)
        assert upstream.connection.continuous_updates


ENCODINGS = pytest.mark.parametrize(
    "encoding",
    [Encoding.RAW, Encoding.HEXTILE, Encoding.ZLIB, Encoding.TIGHT, Encoding.ZRLE],
    ids=lambda encoding: encoding.name.lower(),
)


async def rainbow_arrives(screen: Watching, server: XServer, encoding: Encoding) -> bool:
    """Whether patterns and text of many colours arrive as they are, in that encoding."""
    screen.ask_for(encoding)
    server.run("xsetroot", "-mod", "16", "16", "-fg", "#336699", "-bg", "#cc4411")
    server.xterm("sh", "-c", f"printf '{RAINBOW}'; exec cat")
    async with asyncio.timeout(20):
        while len(np.unique(server.screendump().reshape(-1, 3), axis=0)) < 100:
            await screen.during(0.2)
    return await screen_equals(screen, server)


@ENCODINGS
async def test_every_encoding_of_xvncs_is_exact(
    xvnc: Xvnc, backends: Backends, encoding: Encoding
) -> None:
    async with Watching(await backends.dial(at_port(xvnc.port), ignore)) as screen:
        assert await rainbow_arrives(screen, xvnc, encoding)


@ENCODINGS
async def test_every_encoding_of_x11vncs_is_exact(
    x11vnc: X11vnc, backends: Backends, encoding: Encoding
) -> None:
    """Its Tight deflates nothing at level 0."""
    async with Watching(await backends.dial(at_port(x11vnc.port), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        assert await rainbow_arrives(screen, x11vnc, encoding)


async def test_xvnc_scrolls_by_copies(xvnc: Xvnc, backends: Backends) -> None:
    async with Watching(await backends.dial(at_port(xvnc.port), ignore)) as screen:
        xvnc.xterm("sh", "-c", "for line in $(seq 60); do echo $line; sleep 0.05; done; exec cat")
        await screen.until(lambda: any(isinstance(each, Copy) for each in screen.operations))
        assert await screen_equals(screen, xvnc)


async def test_xvnc_resized_by_its_guest_is_followed(xvnc: Xvnc, backends: Backends) -> None:
    need("xrandr")
    async with Watching(await backends.dial(at_port(xvnc.port), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        for size in ((1024, 768), (640, 480)):
            xvnc.run("xrandr", "-s", f"{size[0]}x{size[1]}")
            await screen.until(lambda: screen.size == size)  # noqa: B023 - awaited at once
            xvnc.run("xsetroot", "-solid", "#336699")
            assert await screen_equals(screen, xvnc)
            assert tuple(screen.pixels[-1, -1]) == (0x33, 0x66, 0x99)
        assert any(isinstance(event, Resized) for event in screen.events)


async def test_xvnc_tells_the_pointers_shape(xvnc: Xvnc, backends: Backends) -> None:
    upstream = await backends.dial(at_port(xvnc.port), ignore)
    async with Watching(upstream) as screen:
        xvnc.run("xsetroot", "-cursor_name", "crosshair")
        screen.point(300, 300)
        await screen.until(lambda: upstream.connection.cursor)
        xvnc.run("xsetroot", "-solid", "#102030")
        # The shape travels apart: the screen itself stays without a pointer.
        assert await screen_equals(screen, xvnc)


async def test_x11vnc_arrives_pixel_exact_and_takes_keys(
    x11vnc: X11vnc, backends: Backends
) -> None:
    async with Watching(await backends.dial(at_port(x11vnc.port), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        x11vnc.run("xsetroot", "-solid", "#993366")
        await keys_change_it(screen, x11vnc)


async def test_a_second_console_leaves_the_first_alone(xvnc: Xvnc, backends: Backends) -> None:
    machine = at_port(xvnc.port)
    async with Watching(await backends.dial(machine, ignore)) as first:
        async with Watching(await backends.dial(machine, ignore)) as second:
            await second.until(lambda: second.frames)
        xvnc.run("xsetroot", "-solid", "#00ff00")
        assert await screen_equals(first, xvnc)
