"""Migrations: they end in the schema that the code means, and are never half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

import gateway.store.store as store_module
from gateway.errors import StoreUnavailable
from gateway.store import Store
from gateway.store.databases import database_at
from gateway.store.schema import metadata


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to the database at `url`, with no store about it."""
    database = database_at(url)
    async with database.engine.connect() as connection:
        await database.begin_migration(connection)
        yield connection
    await database.engine.dispose()


async def test_migrations_end_in_the_schema_that_the_code_means(store: Store, url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(
            compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        )

    async with connected(url) as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_changes_nothing(store: Store, url: str) -> None:
    again = await Store.open(url)
    await again.close()


async def test_first_starts_at_once_agree(url: str) -> None:
    stores = await asyncio.gather(*(Store.open(url) for _ in range(3)))
    for store in stores:
        async with store.reading() as unit:
            assert (await unit.audit.head()).seq == 0
        await store.close()


async def test_a_migration_that_is_cut_short_never_happened(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SECURITY F5.
    upgrade = store_module._upgrade

    def cut_short(connection: Connection) -> None:
        upgrade(connection)
        raise RuntimeError("killed")

    monkeypatch.setattr(store_module, "_upgrade", cut_short)
    with pytest.raises(RuntimeError):
        await Store.open(url)
    async with connected(url) as connection:
        assert await connection.run_sync(lambda c: inspect(c).get_table_names()) == []
    monkeypatch.undo()
    store = await Store.open(url)
    await store.close()


async def test_a_schema_of_a_later_version_is_left_alone(store: Store, url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.commit()
    with pytest.raises(StoreUnavailable, match="9999"):
        await Store.open(url)


def test_the_history_is_one_line_and_lies_in_the_package() -> None:
    migrations = files("gateway.store").joinpath("migrations")
    assert migrations.joinpath("env.py").is_file()
    assert len(ScriptDirectory(str(migrations)).get_heads()) == 1
