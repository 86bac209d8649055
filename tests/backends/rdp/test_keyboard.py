"""What of a viewer's keyboard reaches a guest by RDP, and what is kept back."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from gateway.backends import Backends
from gateway.backends.rdp.keyboard import layout
from gateway.inventory import ConsoleAddress
from gateway.rfb.events import LedState
from tests.backends.rdp.listener import Listener
from tests.backends.rdp.servers import RdpServer
from tests.backends.rdp.test_ends import programs
from tests.backends.rdp.test_servers import (
    CAPS_LOCK,
    DELETE,
    LEFT_ALT,
    LEFT_CTRL,
    Key,
    heard,
    press,
    watch,
)
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.xservers import Xvnc

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(90)]

ALTGR, NUM_LOCK, SCROLL_LOCK = (0xFE03, 0xB8, 108), (0xFF7F, 0x45, 77), (0xFF14, 0x46, 78)
LEFT_OF_Z, RIGHT_OF_L, E = (0x3C, 0x56, 94), (0xE4, 0x28, 48), (0x20AC, 0x12, 26)
A, SHIFT = (0x61, None, 38), (0xFFE1, None, 50)


async def ready(screen: Watching) -> Watching:
    await screen.until(lambda: screen.upstream.connection.extended_keys)
    return screen


@pytest.mark.parametrize("server", ["tls"], indirect=True)
async def test_keys_of_other_layouts_arrive_by_their_scancodes(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    """The guest's layout decides what they type; the keysym that comes along does not."""
    listener = Listener(behind.display)
    async with await watch(backends, server) as screen:
        await ready(screen)
        chords: list[tuple[Key, ...]] = [
            (ALTGR, E), (LEFT_OF_Z,), (RIGHT_OF_L,), (SCROLL_LOCK,), (LEFT_CTRL, LEFT_ALT, DELETE)
        ]  # fmt: skip
        for chord in chords:
            listener.keys.clear()
            press(screen, *chord)
            await listener.until(lambda: len(listener.keys) == 2 * len(chord), 30)  # noqa: B023
            assert listener.keys == heard(*chord)
    listener.close()


@pytest.mark.parametrize("server", ["tls", "xrdp"], indirect=True)
async def test_what_no_key_types_is_kept_back_rather_than_typed_wrong(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    """A viewer that knows no scancodes types as on a US keyboard."""
    listener = Listener(behind.display)
    async with await watch(backends, server) as screen:
        await ready(screen)
        for keysym in (0xE4, 0xC4, 0x20AC, 0x10020AC, 0x3BB, 0x1002603, 0xFF20, 0x1008FF13):
            screen.key(keysym)
        screen.key(ord("a"))
        await listener.until(lambda: (False, 38) in listener.keys, 30)
        assert listener.keys == [(True, 38), (False, 38)]
    listener.close()


@pytest.mark.parametrize("server", ["tls", "xrdp"], indirect=True)
@pytest.mark.parametrize("key", [(0x61, 0x1E, 38), A], ids=["with its scancode", "without"])
async def test_a_letter_that_is_typed_twice_arrives_twice(
    server: RdpServer, behind: Xvnc, backends: Backends, key: Key
) -> None:
    """However fast: FreeRDP finds all of it in its queue."""
    listener = Listener(behind.display)
    async with await watch(backends, server) as screen:
        connection = (await ready(screen)).upstream.connection
        for _ in range(20):
            for down in (True, False):
                connection.send_key(down, *key[:2])
        press(screen, E)
        await listener.until(lambda: (False, E[2]) in listener.keys, 30)
        assert listener.keys == [*20 * heard(key), *heard(E)]
    listener.close()


@pytest.mark.parametrize("server", ["tls"], indirect=True)
async def test_a_key_that_is_held_from_the_start_stays_held(
    server: RdpServer, behind: Xvnc, backends: Backends
) -> None:
    """FreeRDP finds it in its queue behind what the X server told it at first, now and then."""
    for _ in range(4):
        await _hold_from_the_start(server, behind, backends)


async def _hold_from_the_start(server: RdpServer, behind: Xvnc, backends: Backends) -> None:
    listener = Listener(behind.display)
    async with Watching(await backends.dial(server.machine(), ignore)) as screen:
        freerdp = programs()["xfreerdp"]
        freerdp.send_signal(signal.SIGSTOP)
        await ready(screen)
        screen.point(2, 2)
        screen.upstream.connection.send_key(True, *LEFT_CTRL[:2])
        screen.point(3, 3)
        await screen.during(0.3)
        freerdp.send_signal(signal.SIGCONT)
        press(screen, E)
        await listener.until(lambda: (False, E[2]) in listener.keys)
        assert listener.keys == [(True, LEFT_CTRL[2]), *heard(E)]
        screen.upstream.connection.send_key(False, *LEFT_CTRL[:2])
        screen.point(2, 2)
        await listener.until(lambda: (False, LEFT_CTRL[2]) in listener.keys)
    listener.close()


@pytest.mark.parametrize("server", ["tls"], indirect=True)
@pytest.mark.parametrize(("key", "light"), [(CAPS_LOCK, 1 << 2), (NUM_LOCK, 1 << 1)])
async def test_a_lock_keys_light_is_told_to_viewers(
    server: RdpServer, backends: Backends, key: Key, light: int
) -> None:
    async with await watch(backends, server) as screen:
        await ready(screen)

        def lit() -> int:
            lights = [event.state for event in screen.events if isinstance(event, LedState)]
            return lights[-1] & light if lights else 0

        before = lit()
        for on in (light - before, before):
            press(screen, key)
            await screen.until(lambda: lit() == on, 30)  # noqa: B023 - awaited at once


@pytest.mark.parametrize("server", ["xrdp"], indirect=True)
@pytest.mark.parametrize(("name", "same"), [(None, True), ("gb", True), ("de", False)])
async def test_a_server_is_told_the_layout(
    server: RdpServer, behind: Xvnc, backends: Backends, name: str | None, *, same: bool
) -> None:
    """xrdp makes letters of scancodes: ä has no key on the X server behind it, ' has this one."""
    listener = Listener(behind.display)
    machine = server.machine()
    settled = replace(machine.console.options, keyboard=None if name is None else layout(name))  # type: ignore[type-var]
    assert isinstance(machine.console, ConsoleAddress)
    machine = replace(machine, console=replace(machine.console, options=settled))
    async with Watching(await backends.dial(machine, ignore)) as screen:
        await ready(screen)
        press(screen, RIGHT_OF_L)
        await listener.until(lambda: listener.keys, 30)
        assert (listener.keys[0][1] == RIGHT_OF_L[2]) is same
    listener.close()
