"""Consoles that this machine's own libvirt hands over: a real libvirtd, real QEMUs."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from gateway.backends import Backends, Step, backends_of
from gateway.errors import MachineOff, UpstreamError, UpstreamRefused, UpstreamUnreachable
from gateway.inventory import Machine
from gateway.policy.facts import Power
from tests.backends.libvirt.libvirtd import KINDS, Domain, Libvirtd, machine
from tests.doubles.watching import Watching, ignore
from tests.hypervisor.echo import GRAPHICS_KEY, GRAPHICS_SIZE
from tests.hypervisor.test_qemu import screen_equals, shows, type_at

pytestmark = [pytest.mark.hypervisor, pytest.mark.timeout(180)]

NewDomain = Callable[..., Domain]
NO_VM = "00000000-0000-4000-8000-000000000000"


def children() -> list[psutil.Process]:
    """Processes of ours that ask libvirt; ended ones that nobody waited for included."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            ended = each.status() == psutil.STATUS_ZOMBIE
            if ended or "libvirt/child" in " ".join(each.cmdline()):
                found.append(each)
    return found


async def until(true: Callable[[], bool], within: float = 30.0) -> None:
    """For what closes a moment after it was told to. Raises: TimeoutError."""
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.01)


async def test_the_picture_is_qemus_own_and_keys_reach(
    new_domain: NewDomain, backends: Backends
) -> None:
    domain, steps = new_domain(), list[Step]()
    upstream = await backends.dial(domain.here(desktop_name="QEMU (web03)"), steps.append)
    assert steps == [Step.DIALLING, Step.ANSWERED, Step.AUTHENTICATED]
    async with Watching(upstream) as screen:
        await until(domain.booted)
        await type_at(screen, "typed ")
        await shows(screen, domain, "typed")  # type: ignore[arg-type]
        assert await screen_equals(screen, domain)  # type: ignore[arg-type]
        screen.type(GRAPHICS_KEY)
        await screen.until(lambda: screen.size == GRAPHICS_SIZE, 60)
        assert await screen_equals(screen, domain)  # type: ignore[arg-type]


async def test_nothing_listens_for_it_and_no_password_stands_in_its_way(
    new_domain: NewDomain, backends: Backends
) -> None:
    domain = new_domain(
        graphics='<graphics type="spice"><listen type="none"/></graphics>'
        '<graphics type="vnc" passwd="hush1234"><listen type="none"/></graphics>'
    )
    running = psutil.process_iter(["cmdline"])
    qemu = next(each for each in running if domain.uuid in (each.info["cmdline"] or []))
    assert not [each for each in qemu.net_connections() if each.family != socket.AF_UNIX]
    async with Watching(await backends.dial(domain.here(), ignore)) as screen:
        await screen.until(lambda: screen.frames)


async def test_two_look_at_once(web01: Domain, backends: Backends) -> None:
    async with (
        Watching(await backends.dial(web01.here(), ignore)) as one,
        Watching(await backends.dial(web01.here(), ignore)) as other,
    ):
        for screen in (one, other):
            await screen.until(lambda: screen.frames)  # noqa: B023 - awaited at once


async def test_power_is_told_as_it_changes(web01: Domain, backends: Backends) -> None:
    async def power() -> Power:
        return await backends_power(backends, web01.here())

    assert await power() is Power.RUNNING
    web01.domain.suspend()
    assert await power() is Power.PAUSED
    async with Watching(await backends.dial(web01.here(), ignore)) as screen:
        await screen.until(lambda: screen.frames)  # its screen stands still, and is there
    web01.domain.resume()
    assert await power() is Power.RUNNING
    web01.destroy()
    assert await power() is Power.OFF


async def backends_power(backends: Backends, machine: Machine) -> Power:
    """Asked by the backend itself: an answer is kept for some seconds by who asks it."""
    backend = backends._by_scheme["libvirt"]
    return await backend.power(machine)  # type: ignore[attr-defined,no-any-return]


async def test_what_cannot_be_dialled_is_told_apart(
    new_domain: NewDomain, libvirtd: Libvirtd, backends: Backends, tmp_path: Path
) -> None:
    spice = new_domain("spice", '<graphics type="spice"><listen type="none"/></graphics>')
    blind = new_domain("blind", "")
    off = new_domain("off", start=False)
    here = {"socket": str(libvirtd.socket)}
    deaf = tmp_path / "deaf"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(deaf))
    for target, error, why in (
        (off.here(), MachineOff, "turned off"),
        (spice.here(), UpstreamRefused, "SPICE only"),
        (blind.here(), UpstreamRefused, "no VNC graphics"),
        (machine(f"libvirt:///session/{NO_VM}", here, {}), UpstreamRefused, "no VM of this id"),
        (spice.here(), UpstreamRefused, "SPICE only"),
        (
            machine(f"libvirt:///session/{off.uuid}", {"socket": str(tmp_path / "none")}, {}),
            UpstreamUnreachable,
            "does not run on this machine",
        ),
        (
            machine(f"libvirt:///session/{off.uuid}", {"socket": str(deaf)}, {}),
            UpstreamUnreachable,
            "does not run on this machine",
        ),
        # It serves its user's VMs; the machine's are another libvirtd's.
        (machine(f"libvirt:///system/{off.uuid}", here, {}), UpstreamRefused, "refused with error"),
    ):
        with pytest.raises(error, match=why):
            await backends.dial(target, ignore)
    assert children() == []


async def test_a_vm_that_ends_while_it_is_shown_ends_its_screen(
    web01: Domain, backends: Backends
) -> None:
    async with Watching(await backends.dial(web01.here(), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        web01.destroy()
        await screen.end()
        assert screen.ended
    with pytest.raises(MachineOff):
        await backends.dial(web01.here(), ignore)
    web01.start()
    async with Watching(await backends.dial(web01.here(), ignore)) as screen:
        await screen.until(lambda: screen.frames)


async def test_a_libvirt_that_hangs_hangs_nothing_of_ours(
    web01: Domain, libvirtd: Libvirtd, backends: Backends
) -> None:
    impatient = Backends(backends_of(KINDS), deadline=1.0)
    async with Watching(await backends.dial(web01.here(), ignore)) as screen:
        await screen.until(lambda: screen.frames)
        own, threads = psutil.Process(), threading.active_count()
        files = own.num_fds()
        libvirtd.freeze()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        with pytest.raises(UpstreamUnreachable, match="no screen within 1 s"):
            await impatient.dial(web01.here(), ignore)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await backends_power(impatient, web01.here())
        ticking.cancel()
        assert 10 < ticks  # the loop went on meanwhile
        assert children() == []
        await until(lambda: own.num_fds() == files)
        assert threading.active_count() == threads
        # Who is shown a screen already does not need libvirt any more.
        frames = screen.frames
        screen.type("x")
        await screen.until(lambda: frames < screen.frames)
        libvirtd.thaw()
        await (await backends.dial(web01.here(), ignore)).close()


async def test_fifty_consoles_leave_nothing(web01: Domain, backends: Backends) -> None:
    async def once() -> None:
        await (await backends.dial(web01.here(), ignore)).close()

    await once()
    own = psutil.Process()
    files, threads, tasks = own.num_fds(), threading.active_count(), len(asyncio.all_tasks())
    for _ in range(50):
        await once()
    await until(lambda: own.num_fds() == files)
    assert threading.active_count() == threads
    assert len(asyncio.all_tasks()) == tasks
    assert children() == []


async def test_abandoned_dials_leave_nothing(web01: Domain, backends: Backends) -> None:
    await (await backends.dial(web01.here(), ignore)).close()
    own = psutil.Process()
    files = own.num_fds()
    for after in (0.0, 0.01, 0.05, 0.1):
        dialling = asyncio.create_task(backends.dial(web01.here(), ignore))
        await asyncio.sleep(after)
        dialling.cancel()
        outcome = (await asyncio.gather(dialling, return_exceptions=True))[0]
        if not isinstance(outcome, BaseException):
            await outcome.close()  # it was quicker than that
    assert children() == []
    await until(lambda: own.num_fds() == files)


async def test_a_child_that_dies_is_that_questions_end(
    web01: Domain, libvirtd: Libvirtd, backends: Backends
) -> None:
    libvirtd.freeze()
    dialling = asyncio.create_task(backends.dial(web01.here(), ignore))
    while not (asking := children()):
        assert not dialling.done()
        await asyncio.sleep(0.01)
    asking[0].kill()
    with pytest.raises(UpstreamError, match="ended without an answer"):
        await dialling
    assert children() == []


async def test_the_child_is_bounded_and_told_no_secret(
    web01: Domain, libvirtd: Libvirtd, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVA_CANARY", "hush")
    libvirtd.freeze()
    dialling = asyncio.create_task(backends.dial(web01.here(), ignore))
    while not (asking := children()) or asking[0].rlimit(psutil.RLIMIT_NOFILE) != (256, 256):
        await asyncio.sleep(0.01)
    (child,) = asking
    assert child.rlimit(psutil.RLIMIT_DATA) == (256 << 20, 256 << 20)
    assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert set(child.environ()) <= {
        "HOME", "XDG_RUNTIME_DIR", "LANG", "LC_CTYPE", "PATH", "LIBVIRT_AUTOSTART",
    }  # fmt: skip
    assert web01.uuid not in " ".join(child.cmdline())
    assert not [each for each in child.open_files() if each.path.endswith((".sqlite3", ".pem"))]
    dialling.cancel()
    await asyncio.gather(dialling, return_exceptions=True)
    assert not child.is_running()


async def test_a_missing_libvirt_python_is_said(
    web01: Domain, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A Python of the system's own, which has none of what the gateway's has.
    without = Path(os.path.realpath(psutil.Process().exe()))
    monkeypatch.setattr("gateway.backends.libvirt.asking.sys.executable", str(without))
    with pytest.raises(UpstreamRefused, match=r"pip install 'eva-gateway\[libvirt\]'"):
        await backends.dial(web01.here(), ignore)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can be somebody else to libvirt")
async def test_a_socket_that_is_closed_to_us_is_said(
    web01: Domain, libvirtd: Libvirtd, backends: Backends
) -> None:
    # Without its capabilities root is but another user.
    mode = libvirtd.socket.stat().st_mode
    libvirtd.socket.chmod(0o700)
    try:
        with pytest.raises(UpstreamRefused, match="must be in the group libvirt"):
            await backends.dial(web01.here(), ignore)
    finally:
        libvirtd.socket.chmod(mode & 0o777)


async def test_a_console_of_another_name_is_refused(web01: Domain, backends: Backends) -> None:
    with pytest.raises(UpstreamRefused, match="calls itself"):
        await backends.dial(web01.here(desktop_name="QEMU (db01)"), ignore)
