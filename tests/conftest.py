"""What several rooms' tests share."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.store import Store

# How long an example takes is the machine's affair, and no property of what is tested.
settings.register_profile("gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gateway")


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several processes a temporary folder of its own.

    Some tests look there for what was left behind.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return
    folder = Path(tempfile.mkdtemp(prefix=f"{worker}-"))
    folder.chmod(0o711)  # some programs run as somebody else
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that are not unique: where tests are shared out, only one of them would run."""
    often = [name for name, times in Counter(item.nodeid for item in items).items() if 1 < times]
    if often:
        raise pytest.UsageError(f"several tests are called {', '.join(often)}")


def pytest_collection_finish() -> None:
    """Spare the tests what the gateway spares its consoles; see `gateway.serving.run`."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the newest schema, to be copied: migrating takes a while."""
    file = tmp_path_factory.mktemp("store") / "eva.sqlite3"

    async def make() -> None:
        await (await Store.open(f"sqlite:///{file}")).close()

    asyncio.run(make())
    return file
