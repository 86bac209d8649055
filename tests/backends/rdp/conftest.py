"""RDP servers over X servers of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.backends import Backends
from gateway.backends.rdp import RdpBackend
from tests.backends.rdp.servers import RdpServer, Shadow, Xrdp
from tests.doubles.folders import NewFolder, short_folders, temporary_files_apart
from tests.hypervisor.programs import need
from tests.hypervisor.xservers import Xvnc


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "server" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker(pytest.mark.hypervisor)


@pytest.fixture
def new_folder() -> Iterator[NewFolder]:
    with short_folders() as make:
        yield make


@pytest.fixture(autouse=True)
def _own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    tmp_path_factory.getbasetemp()  # which stays where it is
    with temporary_files_apart(monkeypatch):
        yield


@pytest.fixture
def behind(new_folder: NewFolder) -> Iterator[Xvnc]:
    """What the RDP servers show."""
    need("Xvnc", "xfreerdp")
    server = Xvnc(new_folder(), size="1024x768")
    server.run("xsetroot", "-solid", "#306090")
    yield server
    server.stop()


def start_server(kind: str, folder: Path, behind: Xvnc) -> RdpServer:
    if kind == "xrdp":
        return Xrdp(folder, behind)
    return Shadow(folder, behind, nla=kind == "nla")


@pytest.fixture(params=["xrdp", "tls", "nla"])
def server(
    request: pytest.FixtureRequest, new_folder: NewFolder, behind: Xvnc
) -> Iterator[RdpServer]:
    """Each of them in turn: xrdp (TLS), freerdp-shadow with TLS, and with NLA."""
    with ExitStack() as stack:
        started = start_server(request.param, new_folder(), behind)
        stack.callback(started.stop)
        yield started


@pytest.fixture
def backends() -> Backends:
    rdp = RdpBackend()
    return Backends({"rdp": rdp, "hyperv": rdp})
