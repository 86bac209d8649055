"""A fresh store per test: SQLite, and PostgreSQL too where `EVA_TEST_POSTGRESQL` says where it is.

That database is emptied before each test.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.store import Store
from tests.store.samples import furnish

POSTGRESQL = os.environ.get("EVA_TEST_POSTGRESQL")
KINDS = ["sqlite", *(["postgresql"] if POSTGRESQL else [])]


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "eva.sqlite3"


@pytest.fixture(params=KINDS)
async def url(request: pytest.FixtureRequest, sqlite_path: Path) -> str:
    """The address of an empty database, of each kind that there is."""
    if request.param == "sqlite":
        return f"sqlite:///{sqlite_path}"
    assert POSTGRESQL is not None
    engine = create_async_engine(POSTGRESQL.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA public CASCADE"))
        await connection.execute(text("CREATE SCHEMA public"))
    await engine.dispose()
    return POSTGRESQL


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An empty store."""
    opened = await Store.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def furnished(store: Store) -> Store:
    """A store with two accounts, a consent, a grant and a share link."""
    await furnish(store)
    return store
