"""A libvirtd of the tests' own, and VMs of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gateway.backends import Backends, backends_of
from tests.backends.libvirt.libvirtd import KINDS, SOCKETLESS, Domain, Libvirtd, listening
from tests.doubles.folders import NewFolder, short_folders
from tests.hypervisor.programs import wait_for

NewDomain = Callable[..., Domain]


@pytest.fixture(scope="session")
def new_folder() -> Iterator[NewFolder]:
    with short_folders() as make:
        yield make


@pytest.fixture(scope="session")
def libvirtd(new_folder: NewFolder) -> Iterator[Libvirtd]:
    """It listens on a socket, and with TLS on a port of the loopback."""
    running = Libvirtd(new_folder())
    yield running
    running.stop()


@pytest.fixture
def new_domain(libvirtd: Libvirtd) -> Iterator[NewDomain]:
    """VMs of one test's own, which show what is typed."""
    with ExitStack() as stack:

        def define(name: str = "web03", graphics: str = SOCKETLESS, **how: object) -> Domain:
            domain = libvirtd.define(name, graphics, **how)  # type: ignore[arg-type]
            stack.callback(domain.forget)
            return domain

        yield define
        libvirtd.thaw()


@pytest.fixture(scope="session")
def kept(libvirtd: Libvirtd) -> dict[str, Domain]:
    """VMs that are kept for the next test: they take seconds to start and to stop."""
    return {}


def ready(libvirtd: Libvirtd, kept: dict[str, Domain], name: str, graphics: str) -> Domain:
    """A VM that runs and waits for keys, whatever was done to it before."""
    libvirtd.thaw()
    if name not in kept:
        kept[name] = libvirtd.define(name, graphics, start=False)
    domain = kept[name]
    domain.run()
    wait_for(domain.booted, "the guest")
    return domain


@pytest.fixture
def web01(libvirtd: Libvirtd, kept: dict[str, Domain]) -> Iterator[Domain]:
    """Nothing but libvirt leads to its screen."""
    yield ready(libvirtd, kept, "web01", SOCKETLESS)
    libvirtd.thaw()


@pytest.fixture
def web02(libvirtd: Libvirtd, kept: dict[str, Domain]) -> Iterator[Domain]:
    """Its screen is at a port of the loopback, with a password."""
    yield ready(libvirtd, kept, "web02", listening())
    libvirtd.thaw()


@pytest.fixture
def other_host(new_folder: NewFolder) -> Iterator[Libvirtd]:
    """Its VNC servers speak no TLS, and it has no VMs yet."""
    with ExitStack() as stack:
        running = Libvirtd(new_folder(), vnc_tls=False)
        stack.callback(running.stop)
        yield running


@pytest.fixture
def backends() -> Backends:
    return Backends(backends_of(KINDS))
