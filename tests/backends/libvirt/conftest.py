"""A libvirtd of the tests' own, and VMs of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.backends import Backends, backends_of
from tests.backends.libvirt.libvirtd import KINDS, SOCKETLESS, Domain, Libvirtd
from tests.hypervisor.programs import wait_for

NewFolder = Callable[[], Path]
NewDomain = Callable[..., Domain]


@pytest.fixture(scope="session")
def new_folder() -> Iterator[NewFolder]:
    """Folders with short names: a Unix socket's path has at most 107 bytes."""
    made: list[str] = []

    def make() -> Path:
        made.append(tempfile.mkdtemp(prefix="eva-", dir="/tmp"))
        return Path(made[-1])

    yield make
    for name in made:
        shutil.rmtree(name, ignore_errors=True)


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

        def define(name: str = "web01", graphics: str = SOCKETLESS, **how: object) -> Domain:
            domain = libvirtd.define(name, graphics, **how)  # type: ignore[arg-type]
            stack.callback(domain.forget)
            return domain

        yield define
        libvirtd.thaw()


@pytest.fixture
def web01(new_domain: NewDomain) -> Domain:
    domain = new_domain()
    wait_for(domain.booted, "the guest")
    return domain


@pytest.fixture
def backends() -> Backends:
    return Backends(backends_of(KINDS))
