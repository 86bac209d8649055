"""Units of work: whole or not at all, one writer at a time, and never a hang (SECURITY F4)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.errors import SettingsError, StoreUnavailable
from gateway.store import Intact, Store
from tests.store.samples import account, consent, entry

PROMISED = 2.0  # seconds within which a unit begins or says that it cannot


@pytest.fixture
async def sqlite_store(sqlite_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{sqlite_path}")
    yield opened
    await opened.close()


@contextlib.contextmanager
def locked_by_somebody(path: Path) -> Iterator[None]:
    """Another process in the middle of a write."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def begin(store: Store) -> None:
    async with store.unit() as unit:
        await unit.audit.record(entry())


async def test_a_unit_that_fails_changes_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with store.unit() as unit:
            await unit.accounts.add(account())
            raise RuntimeError("the action failed")
    async with store.reading() as unit:
        assert await unit.accounts.list() == ()


async def test_what_a_unit_wrote_is_seen_once_it_is_left(store: Store) -> None:
    async with store.unit() as writing:
        await writing.accounts.add(account())
        async with store.reading() as unit:
            assert await unit.accounts.list() == ()
    async with store.reading() as unit:
        assert await unit.accounts.list() == (account(),)


async def test_reading_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        async with store.reading() as unit:
            await unit.accounts.add(account())
    await begin(store)  # and a writer that gets the same connection can


async def test_reading_sees_one_state_of_the_store(store: Store) -> None:
    async with store.reading() as unit:
        assert await unit.accounts.list() == ()
        async with store.unit() as writing:
            await writing.accounts.add(account())
        assert await unit.accounts.list() == ()


async def test_a_consent_needs_its_tenants_account(store: Store) -> None:
    with pytest.raises(IntegrityError):
        async with store.unit() as unit:
            await unit.consents.add(consent(tenant_account_id="nobody"))
    await begin(store)


async def test_an_error_does_not_tell_what_a_statement_was_given(store: Store) -> None:
    """Password hashes and digests would reach the log with it."""
    with pytest.raises(IntegrityError) as caught:
        async with store.unit() as unit:
            await unit.consents.add(consent(tenant_account_id="nobody", reason="canary"))
    assert "canary" not in str(caught.value)


async def test_writers_decide_one_after_the_other(store: Store) -> None:
    """Check, then act: nobody acts between."""

    async def request() -> bool:
        async with store.unit() as unit:
            if await unit.accounts.by_name("contoso") is not None:
                return False
            await asyncio.sleep(0)
            await unit.accounts.add(account())
            return True

    assert sum(await asyncio.gather(*(request() for _ in range(8)))) == 1


@pytest.mark.rule(10)
async def test_a_locked_database_is_unavailable_within_two_seconds(
    sqlite_store: Store, sqlite_path: Path
) -> None:
    clock = asyncio.get_running_loop().time
    with locked_by_somebody(sqlite_path):
        began = clock()
        outcomes = await asyncio.gather(
            *(begin(sqlite_store) for _ in range(5)), return_exceptions=True
        )
        took = clock() - began
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 5
    assert took < PROMISED, f"{took:.2f} s"
    print(f"five writers gave up after {took:.2f} s")
    began = clock()
    await begin(sqlite_store)
    assert clock() - began < 1.0  # ready at once when the lock is gone


@pytest.mark.rule(10)
async def test_a_node_that_dawdles_keeps_no_other_node_waiting(store: Store, url: str) -> None:
    clock = asyncio.get_running_loop().time
    other = await Store.open(url)
    async with other.unit():
        began = clock()
        with pytest.raises(StoreUnavailable):
            await begin(store)
        assert clock() - began < PROMISED
    await begin(store)
    await other.close()


@pytest.mark.rule(10)
async def test_reading_goes_on_while_somebody_writes(
    sqlite_store: Store, sqlite_path: Path
) -> None:
    with locked_by_somebody(sqlite_path):
        async with asyncio.timeout(1), sqlite_store.reading() as unit:
            assert await unit.accounts.list() == ()


@pytest.mark.rule(10)
async def test_a_writer_who_dawdles_keeps_nobody_waiting_for_long(sqlite_store: Store) -> None:
    clock = asyncio.get_running_loop().time
    async with sqlite_store.unit():
        began = clock()
        with pytest.raises(StoreUnavailable):
            await begin(sqlite_store)
        assert clock() - began < PROMISED


@pytest.mark.rule(10)
@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_database_that_vanished_is_unavailable(
    sqlite_store: Store, sqlite_path: Path, how: str
) -> None:
    await begin(sqlite_store)
    sqlite_path.unlink()
    if how == "replaced":
        sqlite_path.touch()
    with pytest.raises(StoreUnavailable):
        await begin(sqlite_store)
    with pytest.raises(StoreUnavailable):
        async with sqlite_store.reading():
            pass
    assert sqlite_path.exists() == (how == "replaced")  # and no new one was made


async def test_what_was_written_into_a_vanished_file_is_not_acknowledged(
    sqlite_store: Store, sqlite_path: Path
) -> None:
    with pytest.raises(StoreUnavailable):
        async with sqlite_store.unit() as unit:
            await unit.accounts.add(account())
            sqlite_path.unlink()


async def test_cancelled_units_leave_no_lock_behind(sqlite_store: Store) -> None:
    choose = random.Random(20260301)
    for _ in range(60):
        units = [asyncio.create_task(begin(sqlite_store)) for _ in range(3)]
        await asyncio.sleep(choose.random() * 0.01)
        for unit in units:
            unit.cancel()
        await asyncio.gather(*units, return_exceptions=True)
    async with asyncio.timeout(PROMISED):
        await begin(sqlite_store)
    async with sqlite_store.reading() as unit:
        assert isinstance(await unit.audit.verify(), Intact)


async def test_a_unit_cancelled_in_the_middle_of_a_statement_lets_go_of_the_lock(
    sqlite_store: Store,
) -> None:
    async def write_on_and_on() -> None:
        async with sqlite_store.unit() as unit:
            while True:
                await unit.audit.record(entry())

    kept = []  # each with its traceback, and in that the statement that was cancelled
    for _ in range(10):
        unit = asyncio.create_task(write_on_and_on())
        await asyncio.sleep(0.02)
        unit.cancel()
        kept.extend(await asyncio.gather(unit, return_exceptions=True))
        async with asyncio.timeout(PROMISED):
            await begin(sqlite_store)
    assert [type(error) for error in kept] == [asyncio.CancelledError] * 10
    async with sqlite_store.reading() as reading:
        assert (await reading.audit.head()).seq == 10  # nothing of the cancelled units


async def test_more_readers_than_connections_wait_their_turn(store: Store) -> None:
    async def read() -> int:
        async with store.reading() as unit:
            return len(await unit.accounts.list())

    assert await asyncio.gather(*(read() for _ in range(40))) == [0] * 40


async def test_the_database_and_its_log_are_their_owners_alone(
    sqlite_store: Store, sqlite_path: Path
) -> None:
    await begin(sqlite_store)
    modes = {path.name: path.stat().st_mode & 0o777 for path in sqlite_path.parent.iterdir()}
    names = [sqlite_path.name + suffix for suffix in ("", "-shm", "-wal")]
    assert modes == dict.fromkeys(names, 0o600)


async def test_a_commit_survives_a_power_cut(sqlite_store: Store) -> None:
    # SECURITY 1, SQLite: only synchronous=FULL (2) does, with the write-ahead log.
    async with sqlite_store._database.engine.connect() as connection:
        await sqlite_store._database.begin_reading(connection, 1.0)
        settings = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]


@pytest.mark.parametrize(
    "url", ["", "eva.sqlite3", "sqlite://", "sqlite:///:memory:", "mysql://host/eva"]
)
async def test_an_address_that_cannot_be_used_says_so(url: str) -> None:
    with pytest.raises(SettingsError, match="database"):
        await Store.open(url)


async def test_a_database_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="No such file"):
        await Store.open(f"sqlite:///{tmp_path}/missing/eva.sqlite3")


async def test_a_file_that_is_no_database_is_unavailable(sqlite_path: Path) -> None:
    sqlite_path.write_bytes(b"these are not the rows you are looking for" * 100)
    with pytest.raises(StoreUnavailable):
        await Store.open(f"sqlite:///{sqlite_path}")


async def test_paths_with_odd_characters_are_paths(tmp_path: Path) -> None:
    path = tmp_path / "50% of?ours#1.sqlite3"
    # A URL spells them out, as every SQLAlchemy URL does.
    store = await Store.open(f"sqlite:///{tmp_path}/50%25 of%3Fours%231.sqlite3")
    await begin(store)
    await store.close()
    assert path.exists()


async def test_postgresql_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(SettingsError, match=r"eva-gateway\[postgresql\]"):
        await Store.open("postgresql://eva@127.0.0.1/eva")


async def test_a_readable_database_is_made_private(sqlite_path: Path) -> None:
    sqlite_path.touch(mode=0o644)
    store = await Store.open(f"sqlite:///{sqlite_path}")
    assert sqlite_path.stat().st_mode & 0o777 == 0o600
    await store.close()
