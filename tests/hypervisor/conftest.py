"""Real hypervisors and X servers, started once per run and gone after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gateway.backends import Backends
from gateway.backends.vnc import VncBackend
from tests.doubles.folders import NewFolder, short_folders, temporary_files_apart
from tests.hypervisor.echo import EchoGuest
from tests.hypervisor.guest import Guest
from tests.hypervisor.programs import wait_for
from tests.hypervisor.qemu import Qemu
from tests.hypervisor.upstream_kinds import Engines
from tests.hypervisor.xservers import X11vnc, Xvnc


@pytest.fixture(scope="session")
def new_folder() -> Iterator[NewFolder]:
    with short_folders() as make:
        yield make


@pytest.fixture(scope="session")
def guest(new_folder: NewFolder) -> Guest:
    """A Linux kernel and an initramfs with a login prompt."""
    return Guest(new_folder())


@pytest.fixture(scope="session")
def qemu(guest: Guest, new_folder: NewFolder) -> Iterator[Qemu]:
    """A Linux guest; it boots in the background."""
    with ExitStack() as stack:
        machine = Qemu(new_folder(), guest)
        stack.callback(machine.kill)
        yield machine


@pytest.fixture(scope="session")
def recovered(guest: Guest, new_folder: NewFolder) -> Iterator[Qemu]:
    """A Linux guest of its own for what an agent changes: others log in to `qemu` as it was."""
    with ExitStack() as stack:
        machine = Qemu(new_folder(), guest)
        stack.callback(machine.kill)
        yield machine


@pytest.fixture
def firmware(new_folder: NewFolder) -> Iterator[Callable[..., Qemu]]:
    """Machines of one test's own, which run iPXE's ROM alone: cheap to start and to kill."""
    with ExitStack() as stack:

        def start(*, paused: bool = False) -> Qemu:
            machine = Qemu(new_folder(), None, paused=paused)
            stack.callback(machine.kill)
            return machine

        yield start


@pytest.fixture
def echo(new_folder: NewFolder) -> Iterator[EchoGuest]:
    """A guest that shows what is typed, from its first second on."""
    with ExitStack() as stack:
        machine = EchoGuest(new_folder())
        stack.callback(machine.kill)
        wait_for(machine.booted, "the guest")
        yield machine


@pytest.fixture
def xvnc(new_folder: NewFolder) -> Iterator[Xvnc]:
    server = Xvnc(new_folder())
    yield server
    server.stop()


@pytest.fixture
def x11vnc(new_folder: NewFolder) -> Iterator[X11vnc]:
    server = X11vnc(new_folder())
    yield server
    server.stop()


@pytest.fixture
def backends() -> Backends:
    vnc = VncBackend()
    return Backends({"vnc": vnc, "vnc+unix": vnc})


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    """What stands behind each kind of upstream."""
    with ExitStack() as stack:
        yield Engines(stack)


@pytest.fixture
def own_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Consoles put their folders where no other test run's are."""
    tmp_path_factory.getbasetemp()  # which stays where it is
    with temporary_files_apart(monkeypatch):
        yield
