"""Real RDP servers, reached through the backends: pictures, keys, pointer, sizes."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.backends import Backends, Step
from gateway.rfb.events import Resized
from gateway.rfb.wire import Cursor
from tests.backends.rdp.listener import Listener
from tests.backends.rdp.servers import RdpServer
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.xservers import XServer, Xvnc

pytestmark = pytest.mark.timeout(90)

# xorg's evdev keycodes are the kernel's plus 8; a scancode of 0xE0 is said with bit 7.
ESCAPE, Q, A, LEFT_CTRL, LEFT_ALT, DELETE, RIGHT_CTRL, RETURN, CAPS_LOCK, LEFT_SHIFT = (
    (0xFF1B, 0x01, 9), (0x71, 0x10, 24), (0x61, 0x1E, 38), (0xFFE3, 0x1D, 37),
    (0xFFE9, 0x38, 64), (0xFFFF, 0xD3, 119), (0xFFE4, 0x9D, 105), (0xFF0D, 0x1C, 36),
    (0xFFE5, 0x3A, 66), (0xFFE1, 0x2A, 50),
)  # fmt: skip
Key = tuple[int, int, int]


async def screen_equals(screen: Watching, behind: XServer, within: float = 15.0) -> bool:
    """Whether our pixels become those of the X server behind the RDP server."""
    for _ in range(int(within / 0.1)):
        await screen.during(0.1)
        expected = behind.screendump()
        if expected.shape == screen.pixels.shape and np.array_equal(expected, screen.pixels):
            return True
    return False


async def watch(backends: Backends, server: RdpServer) -> Watching:
    """A console with its pointer where we put it: else Xvnc paints it."""
    screen = Watching(await backends.dial(server.machine(), ignore))
    screen.point(2, 2)
    return screen


async def test_the_picture_is_the_guests(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    steps: list[Step] = []
    async with Watching(await backends.dial(server.machine(), steps.append)) as screen:
        assert steps == [Step.DIALLING, Step.ANSWERED, Step.AUTHENTICATED]
        assert screen.size == (1024, 768)
        screen.point(2, 2)  # Xvnc paints a pointer that we did not put where it is
        assert await screen_equals(screen, behind)
        behind.xterm("sh", "-c", "seq 5000; cat")
        await screen.during(1.5)
        assert await screen_equals(screen, behind)
        assert 2 < len(np.unique(screen.pixels.reshape(-1, 3), axis=0))


def press(screen: Watching, *keys: Key) -> None:
    """Press all of them and let them go, the last one first."""
    connection = screen.upstream.connection
    for down, order in ((True, keys), (False, keys[::-1])):
        for keysym, scancode, _ in order:
            connection.send_key(down, keysym, scancode)
    screen.upstream.write(connection.data_to_send())


def heard(*keys: Key) -> list[tuple[bool, int]]:
    codes = [code for _, _, code in keys]
    return [(True, code) for code in codes] + [(False, code) for code in reversed(codes)]


@pytest.mark.parametrize("server", ["tls", "nla"], indirect=True)
async def test_keys_arrive_by_their_scancodes(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    listener = Listener(behind.display)
    async with await watch(backends, server) as screen:
        await screen.until(lambda: screen.upstream.connection.extended_keys)
        for chord in (
            (Q,), (LEFT_CTRL, LEFT_ALT, DELETE), (LEFT_CTRL, LEFT_ALT, RETURN), (RIGHT_CTRL,),
            (LEFT_SHIFT, A), (ESCAPE,),
        ):  # fmt: skip
            listener.keys.clear()
            press(screen, *chord)
            await listener.until(lambda: len(listener.keys) == 2 * len(chord))  # noqa: B023
            assert listener.keys == heard(*chord)
    listener.close()


@pytest.mark.parametrize("server", ["tls"], indirect=True)
async def test_a_lock_key_locks_in_the_guest(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    listener = Listener(behind.display)
    async with await watch(backends, server) as screen:
        await screen.until(lambda: screen.upstream.connection.extended_keys)
        for on in (True, False):
            press(screen, CAPS_LOCK)
            await listener.until(lambda: listener.caps_lock() is on)  # noqa: B023
    listener.close()


async def test_the_pointer_and_its_wheel_arrive(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    listener = Listener(behind.display)
    async with await watch(backends, server) as screen:
        await screen.until(lambda: screen.frames)
        screen.point(321, 234)
        await listener.until(lambda: (321, 234) in listener.places)
        for button in (1, 3, 4, 5):
            listener.buttons.clear()
            screen.point(321, 234, 1 << button - 1)
            screen.point(321, 234)
            await listener.until(lambda: 2 <= len(listener.buttons))
            assert listener.buttons[:2] == [(True, button), (False, button)]
    listener.close()


@pytest.mark.parametrize("server", ["xrdp"], indirect=True)
async def test_the_pointers_shape_arrives(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    async with await watch(backends, server) as screen:
        shapes: list[Cursor] = []
        for name in ("watch", "crosshair"):
            behind.run("xsetroot", "-cursor_name", name)
            for place in range(100, 400, 10):  # some servers tell a shape as the pointer moves
                screen.point(place, 100)
                await screen.during(0.1)
                cursor = screen.upstream.connection.cursor
                if cursor is not None and cursor not in shapes:
                    shapes.append(cursor)
                    break
            else:
                pytest.fail(f"no shape came for {name}")


async def test_the_framebuffer_takes_the_guests_size(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    async with await watch(backends, server) as screen:
        assert await screen_equals(screen, behind)
        for size in ((800, 600), (1280, 720)):
            behind.run("xrandr", "--size", f"{size[0]}x{size[1]}")
            # freerdp-shadow looks at the size when something is painted.
            behind.run("xsetroot", "-solid", f"#{size[0]:06x}")
            await screen.until(lambda: screen.size == size)  # noqa: B023
            assert await screen_equals(screen, behind)
        assert any(isinstance(event, Resized) for event in screen.events)
