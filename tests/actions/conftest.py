"""A furnished world per test: one is made, and each test gets a copy of its rows."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import Store
from tests.actions.world import World


async def _furnish(path: Path) -> None:
    store = await Store.open(f"sqlite:///{path}")
    await World(store).furnish()
    await store.close()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "eva.sqlite3"
    asyncio.run(_furnish(path))
    return path


@pytest.fixture
def rows_to_begin_with(template: Path) -> Path:
    """The database that a test gets a copy of; a module whose tests begin elsewhere has its own."""
    return template


@pytest.fixture
async def store(rows_to_begin_with: Path, tmp_path: Path) -> AsyncIterator[Store]:
    path = tmp_path / "eva.sqlite3"
    shutil.copy(rows_to_begin_with, path)
    opened = await Store.open(f"sqlite:///{path}")
    yield opened
    await opened.close()


@pytest.fixture
async def world(store: Store) -> World:
    made = World(store)
    await made.load()
    return made
