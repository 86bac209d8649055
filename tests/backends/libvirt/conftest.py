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

NewDomain = Callable[..., Domain]


@pytest.fixture(scope="session")
def libvirt_folder() -> Iterator[Path]:
    """Its name is short: a Unix socket's path has at most 107 bytes."""
    name = tempfile.mkdtemp(prefix="eva-", dir="/tmp")
    yield Path(name)
    shutil.rmtree(name, ignore_errors=True)


@pytest.fixture(scope="session")
def libvirtd(libvirt_folder: Path) -> Iterator[Libvirtd]:
    """It listens on a socket, and with TLS on a port of the loopback."""
    running = Libvirtd(libvirt_folder)
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
