"""A furnished world per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import Store
from tests.actions.world import World


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 'eva.sqlite3'}")
    yield opened
    await opened.close()


@pytest.fixture
async def world(store: Store) -> World:
    made = World(store)
    await made.furnish()
    return made
