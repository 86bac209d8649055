"""QEMU's own VNC servers, reached through the backends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gateway.backends import Backends, Step
from gateway.errors import RfbError, UpstreamRefused, UpstreamUnreachable
from gateway.inventory import ConsoleAddress
from gateway.rfb.events import Resized
from tests.doubles.authority import Authority
from tests.doubles.watching import RETURN, Watching, at_port, ignore, machine_at
from tests.hypervisor.guest import PASSWORD, USER
from tests.hypervisor.qemu import VNC_PASSWORD, Qemu

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(120)]

Firmware = Callable[..., Qemu]
CONTROL = 0xFFE3
# XT scancodes (set 1) of the letters that the tests type at the guest.
SCANCODES = {
    **dict(zip("1234567890", range(0x02, 0x0C), strict=True)),
    **dict(zip("qwertyuiop", range(0x10, 0x1A), strict=True)),
    **dict(zip("asdfghjkl", range(0x1E, 0x27), strict=True)),
    **dict(zip("zxcvbnm", range(0x2C, 0x33), strict=True)),
    "\n": 0x1C, " ": 0x39, "-": 0x0C, "/": 0x35,
}  # fmt: skip


async def screen_equals(screen: Watching, qemu: Qemu) -> bool:
    """Whether our pixels become QEMU's own; a blinking cursor may need another look."""
    for _ in range(100):
        await screen.during(0.1)
        expected = qemu.screendump()
        if expected.shape == screen.pixels.shape and np.array_equal(expected, screen.pixels):
            return True
    return False


async def shows(screen: Watching, qemu: Qemu, text: str, within: float = 90.0) -> None:
    """Watch until the guest's text memory holds `text`. Raises: TimeoutError."""
    async with asyncio.timeout(within):
        while text not in qemu.text():
            await screen.during(0.2)


async def type_at(screen: Watching, text: str) -> None:
    """Type as a person does, who sees each letter before the next."""
    for letter in text:
        screen.key(RETURN if letter == "\n" else ord(letter), SCANCODES[letter])
        await screen.during(0.03)


async def test_a_linux_guest_arrives_pixel_exact_and_takes_keys(
    qemu: Qemu, backends: Backends
) -> None:
    steps: list[Step] = []
    upstream = await backends.dial(at_port(qemu.port), steps.append)
    assert steps == [Step.DIALLING, Step.ANSWERED, Step.AUTHENTICATED]
    assert upstream.connection.name == "QEMU (guest)"
    async with Watching(upstream) as screen:
        await shows(screen, qemu, "guest login:")
        assert screen.size == (720, 400)
        assert await screen_equals(screen, qemu)

        await type_at(screen, f"{USER}\n")
        await shows(screen, qemu, "Password:")
        await type_at(screen, f"{PASSWORD}\n")
        await shows(screen, qemu, "$ ")
        await type_at(screen, "expr 700 - 280\n")
        await shows(screen, qemu, "420")
        assert PASSWORD not in qemu.text()
        assert upstream.connection.extended_keys
        assert await screen_equals(screen, qemu)


async def test_keys_reach_a_console_by_keysym_alone(firmware: Firmware, backends: Backends) -> None:
    qemu = firmware()
    async with Watching(await backends.dial(at_port(qemu.port), ignore)) as screen:
        # Ctrl+B, offered for some seconds, leads to iPXE's own command line.
        async with asyncio.timeout(30):
            while "iPXE>" not in qemu.text():
                screen.chord(CONTROL, ord("b"))
                await screen.during(0.3)
        for letter in "echo hello\n":
            screen.type(letter)
            await screen.during(0.05)
        await shows(screen, qemu, "   hello", 10)  # at the start of a line, not after echo
        assert await screen_equals(screen, qemu)


async def test_every_kind_of_door_opens(qemu: Qemu, backends: Backends) -> None:
    ca_file = qemu.authority.ca_file
    for machine in (
        machine_at(ConsoleAddress("vnc+unix", path=str(qemu.unix_path))),
        at_port(qemu.password_port, password=VNC_PASSWORD),
        at_port(qemu.tls_port, tls=True, ca_file=ca_file),
        at_port(qemu.tls_password_port, tls=True, ca_file=ca_file, password=VNC_PASSWORD),
        at_port(qemu.tls_password_port, tls=True, pin=qemu.authority.pin, password=VNC_PASSWORD),
        at_port(qemu.tls_port, tls=True, ca_file=ca_file, pin=qemu.authority.pin),
        at_port(qemu.port, desktop_name="QEMU (guest)"),
    ):
        async with Watching(await backends.dial(machine, ignore)) as screen:
            await screen.until(lambda: screen.frames)
            assert screen.pixels.any()


async def test_no_door_opens_to_the_wrong_key(
    qemu: Qemu, backends: Backends, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    ca_file = qemu.authority.ca_file
    for machine, error, why in (
        (at_port(qemu.password_port, password="wrong"), UpstreamRefused, "."),
        (at_port(qemu.password_port), UpstreamRefused, "asks for a password"),
        (at_port(qemu.port, password="unasked"), RfbError, "a password is configured"),
        (at_port(qemu.port, tls=True, ca_file=ca_file), RfbError, "TLS is configured"),
        (at_port(qemu.tls_port, tls=True, ca_file=other.ca_file), UpstreamRefused, "not trusted"),
        (at_port(qemu.tls_port, tls=True, pin=other.pin), UpstreamRefused, "not the pinned one"),
        (
            at_port(qemu.tls_port, tls=True, ca_file=ca_file, pin=other.pin),
            UpstreamRefused,
            "not the pinned one",
        ),
        (
            at_port(qemu.tls_port, tls=True, ca_file=ca_file, server_name="hv9.example"),
            UpstreamRefused,
            "not trusted",
        ),
        (
            at_port(qemu.tls_password_port, tls=True, ca_file=ca_file, password="wrong"),
            UpstreamRefused,
            ".",
        ),
        (at_port(qemu.port, desktop_name="QEMU (web09)"), UpstreamRefused, "calls itself"),
    ):
        with pytest.raises(error, match=why):
            await backends.dial(machine, ignore)


async def test_a_guest_that_changes_its_video_mode_is_followed(
    firmware: Firmware, backends: Backends
) -> None:
    qemu = firmware(paused=True)
    async with Watching(await backends.dial(at_port(qemu.port), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        assert screen.size == (640, 480)  # "Guest has not initialized the display (yet)."
        qemu.qmp.run("cont")
        await screen.until(lambda: screen.size == (720, 400))
        assert any(isinstance(event, Resized) for event in screen.events)
        await shows(screen, qemu, "iPXE")
        assert await screen_equals(screen, qemu)


async def test_a_killed_qemu_is_noticed_and_dialled_again(
    firmware: Firmware, backends: Backends
) -> None:
    qemu = firmware()
    machine = at_port(qemu.port)
    async with Watching(await backends.dial(machine, ignore)) as screen:
        await screen.until(lambda: screen.frames)
        qemu.kill()
        await screen.end(within=2.0)
    with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
        await backends.dial(machine, ignore)
    qemu.start()
    async with Watching(await backends.dial(machine, ignore)) as screen:
        assert await screen_equals(screen, qemu)
