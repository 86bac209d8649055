"""The suite's options, and what its checks are given."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.conformance.entries import Entry, load_entries
from gateway.conformance.stage import Limits, Stage
from gateway.errors import SettingsError

_HERE: Final = Path(__file__).parent
_DEFAULTS: Final = Limits()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gateway.conformance", "conformance of console backends")
    group.addoption(
        "--inventory", type=Path, metavar="FILE",
        help="an inventory of consoles that work and that nobody else uses",
    )  # fmt: skip
    group.addoption(
        "--cycles", type=int, default=_DEFAULTS.cycles, metavar="N",
        help="how often a console is opened and closed (default: %(default)s)",
    )  # fmt: skip
    group.addoption(
        "--cancels", type=int, default=_DEFAULTS.cancels, metavar="N",
        help="at how many places of a dial it is cancelled, at most (default: %(default)s)",
    )  # fmt: skip
    group.addoption(
        "--cuts", type=int, default=_DEFAULTS.cuts, metavar="N",
        help="at how many places of a dial its connection is cut (default: %(default)s)",
    )  # fmt: skip
    group.addoption(
        "--patience", type=float, default=_DEFAULTS.patience, metavar="FACTOR",
        help="stretches every limit of time, for a slow or busy machine (default: %(default)s)",
    )  # fmt: skip


def pytest_sessionstart(session: pytest.Session) -> None:
    """An inventory that cannot be used is told once, before anything is collected."""
    _entries(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each check is made for each entry of the inventory."""
    if "entry" not in metafunc.fixturenames or metafunc.definition.path.parent != _HERE:
        return
    entries = _entries(metafunc.config)
    metafunc.parametrize("entry", entries, ids=[entry.name for entry in entries], scope="session")


_ENTRIES: Final = pytest.StashKey[list[Entry]]()


def _entries(config: pytest.Config) -> list[Entry]:
    if _ENTRIES not in config.stash:
        path = config.getoption("inventory")
        if path is None:
            raise pytest.UsageError("--inventory is missing: say which consoles are to be tried")
        try:
            config.stash[_ENTRIES] = load_entries(path)
        except SettingsError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[_ENTRIES]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],  # noqa: ARG001
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A check that fails says which promise it holds, and what to do."""
    report = yield
    promise = getattr(getattr(item, "function", None), "__doc__", None)
    if report.failed and item.path.parent == _HERE and promise:
        report.sections.append(("The promise", promise))
    return report


@pytest.fixture(scope="session")
def limits(pytestconfig: pytest.Config) -> Limits:
    option = pytestconfig.getoption
    return Limits(option("patience"), option("cycles"), option("cancels"), option("cuts"))


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Temporary files lie where nobody else's are, under a name as short as a socket's must be."""
    tmp_path_factory.getbasetemp()  # which stays where it is
    folder = tempfile.mkdtemp(prefix="eva-")
    Path(folder).chmod(0o711)  # a backend's programs may run as somebody else
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    yield
    tempfile.tempdir = before[1]
    if before[0] is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before[0]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stage(entry: Entry, limits: Limits, own_folder: None) -> Stage:  # noqa: ARG001
    return Stage(entry, limits)
