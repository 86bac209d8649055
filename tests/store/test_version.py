"""What tells that nothing was committed, so that what was read need not be read again."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.store import Store
from tests.store.samples import account


@pytest.fixture
async def sqlite_store(sqlite_path: Path) -> Store:
    return await Store.open(f"sqlite:///{sqlite_path}")


async def test_the_version_stands_still_while_nothing_is_committed(sqlite_store: Store) -> None:
    version = await sqlite_store.version()
    async with sqlite_store.reading() as unit:
        await unit.accounts.list()
    with pytest.raises(RuntimeError):
        async with sqlite_store.unit() as unit:
            await unit.accounts.add(account())
            raise RuntimeError("the action failed")
    assert version is not None
    assert await sqlite_store.version() == version
    await sqlite_store.close()


async def test_every_commit_of_this_process_moves_it(sqlite_store: Store) -> None:
    seen = [await sqlite_store.version()]
    # More than there are connections: none of them may be the one that is asked.
    for number in range(20):
        async with sqlite_store.unit() as unit:
            await unit.accounts.add(account(f"person {number}"))
        seen.append(await sqlite_store.version())
    assert len(set(seen)) == 21
    await sqlite_store.close()


async def test_a_commit_of_another_process_moves_it(sqlite_store: Store, sqlite_path: Path) -> None:
    async with sqlite_store.unit() as unit:
        await unit.accounts.add(account())
    version = await sqlite_store.version()
    statement = "UPDATE accounts SET disabled = 1"
    script = f"import sqlite3; d = sqlite3.connect({str(sqlite_path)!r}); d.execute({statement!r}); d.commit()"  # noqa: E501
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0
    assert await sqlite_store.version() != version
    await sqlite_store.close()


async def test_versions_of_two_connections_are_never_taken_for_one(sqlite_store: Store) -> None:
    """Each counts for itself: after an outage the same number would say nothing."""
    version = await sqlite_store.version()
    await sqlite_store._database._stop_observing()  # type: ignore[attr-defined]
    assert await sqlite_store.version() != version
    await sqlite_store.close()


async def test_there_is_no_version_of_a_file_that_was_replaced(
    sqlite_store: Store, sqlite_path: Path
) -> None:
    await sqlite_store.version()
    sqlite_path.rename(sqlite_path.with_name("moved"))
    sqlite3.connect(sqlite_path).close()
    with pytest.raises(StoreUnavailable):
        await sqlite_store.version()
    await sqlite_store.close()
