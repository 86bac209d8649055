"""How SQLite and PostgreSQL are told to keep the same promises.

Writers are one at a time, across processes, from the first statement of a unit: SQLite's
`BEGIN IMMEDIATE`, PostgreSQL's lock on the audit log's head. So a unit may read, decide and write
without anything changing between.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.errors import SettingsError, StoreUnavailable
from gateway.store.schema import audit_head

READERS = 8
MIGRATION_PATIENCE = 10.0  # seconds: another node may be at it
MIGRATION_LOCK = 7238915506  # an arbitrary number that means: the gateway's schema


Version = tuple[int, int]
"""The same one, read twice: nothing was committed in between, by no process."""


class Database(Protocol):
    """What differs between the databases."""

    engine: AsyncEngine
    patience: float  # seconds that a unit waits for its turn; all in all it is to be below 2 s

    def check(self) -> None:
        """Look whether the database is still there. Raises: StoreUnavailable."""

    def migrating(self) -> AsyncEngine:
        """Return an engine whose statements may take long; the caller disposes of it."""

    async def begin_migration(self, connection: AsyncConnection) -> None:
        """Begin a transaction that no other process' migration can run beside."""

    async def begin_writing(self, connection: AsyncConnection, patience: float) -> None:
        """Begin a transaction as the only writer, waiting at most `patience` seconds for it."""

    async def begin_reading(self, connection: AsyncConnection, patience: float) -> None:
        """Begin a transaction that sees one state of the database and cannot write."""

    async def version(self) -> Version | None:
        """Return what changes with every commit, whoever's; None where that cannot be told."""

    async def close(self) -> None:
        """Close every connection."""


def database_at(address: str) -> Database:
    """Return the database at a SQLAlchemy URL.

    Raises: SettingsError for a kind that we do not know, StoreUnavailable where SQLite's file
    cannot be made.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        raise SettingsError("database: not a URL such as sqlite:///eva.sqlite3") from None
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            return Sqlite(Path(url.database))
        case "postgresql":
            return _postgresql(url)
    raise SettingsError("database: use sqlite:///FILE or postgresql://USER@HOST/NAME")


def _postgresql(url: URL) -> Postgresql:
    try:
        return Postgresql(url)
    except ModuleNotFoundError:
        raise SettingsError("database: for PostgreSQL, install eva-gateway[postgresql]") from None


class Sqlite:
    """A file. Commits survive a power cut (WAL, synchronous=FULL)."""

    patience = 1.5

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._identity = _claim(self._path)
        self.engine = self.migrating()
        self._observer: AsyncConnection | None = None
        self._observers = 0
        self._observing = asyncio.Lock()

    def migrating(self) -> AsyncEngine:
        # mode=rw: a file that vanished is an error and never silently a new, empty one.
        query = {"mode": "rw", "uri": "true"}
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=self._path.as_uri(), query=query),
            # What a statement was given, password hashes and digests, stays out of error texts.
            hide_parameters=True,
            pool_size=READERS,
            pool_timeout=self.patience,
            connect_args={"timeout": self.patience, "factory": _SqliteConnection},
        )
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        return engine

    def check(self) -> None:
        """Refuse a file that was removed or replaced: SQLite would go on writing into nowhere."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise StoreUnavailable("the database file cannot be reached") from error
        if (found.st_dev, found.st_ino) != self._identity:
            raise StoreUnavailable("the database file was replaced while the gateway ran")

    async def begin_migration(self, connection: AsyncConnection) -> None:
        await self.begin_writing(connection, MIGRATION_PATIENCE)

    async def begin_writing(self, connection: AsyncConnection, patience: float) -> None:
        await self._begin(connection, patience, "PRAGMA query_only=OFF", "BEGIN IMMEDIATE")

    async def begin_reading(self, connection: AsyncConnection, patience: float) -> None:
        await self._begin(connection, patience, "PRAGMA query_only=ON", "BEGIN")

    async def version(self) -> Version | None:
        # https://www.sqlite.org/pragma.html#pragma_data_version: it counts what *others* commit
        # and says nothing across connections, so it is asked on one that never writes.
        async with self._observing:
            if self._observer is None:
                self._observer = await self.engine.connect()
                self._observers += 1
            try:
                return self._observers, await _commits_seen(self._observer)
            except BaseException:
                await self._stop_observing()
                raise

    async def close(self) -> None:
        await self._stop_observing()
        await self.engine.dispose()

    async def _stop_observing(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            await observer.close()

    async def _begin(self, connection: AsyncConnection, patience: float, *how: str) -> None:
        await connection.begin()
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        # SQLite waits in its own thread: it is told how long, because nobody can call it back.
        # As one script it costs one trip to that thread rather than twelve.
        script = (f"PRAGMA busy_timeout={int(1000 * patience)}", *how)
        try:
            await driver.executescript(";".join(script))
        except sqlite3.Error as error:
            raise StoreUnavailable("the database is locked or cannot be read") from error


async def _commits_seen(connection: AsyncConnection) -> int:
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    try:
        ((count,),) = await driver.execute_fetchall("PRAGMA data_version")
    except sqlite3.Error as error:
        raise StoreUnavailable("the database is locked or cannot be read") from error
    return int(count)


class Postgresql:
    """A server. Waiting for it, and for its locks, is bounded as on SQLite."""

    # A server that fell silent is waited for twice: for its answer, and when hanging up on it.
    patience = 0.9

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self.engine = self._engine(self.patience)

    def migrating(self) -> AsyncEngine:
        return self._engine(MIGRATION_PATIENCE)

    def _engine(self, patience: float) -> AsyncEngine:
        bounds = {
            "lock_timeout": str(int(1000 * patience)),
            "idle_in_transaction_session_timeout": "30000",
            "synchronous_commit": "on",
        }
        return create_async_engine(
            self._url,
            hide_parameters=True,
            pool_size=READERS,
            pool_timeout=patience,
            connect_args={
                "timeout": self.patience,
                "command_timeout": patience,
                "server_settings": bounds,
            },
        )

    def check(self) -> None:
        """A server is checked by talking to it."""

    async def begin_migration(self, connection: AsyncConnection) -> None:
        await connection.begin()
        await connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))

    async def begin_writing(self, connection: AsyncConnection, patience: float) -> None:
        async with asyncio.timeout(patience):
            await connection.begin()
            await connection.execute(select(audit_head.c.id).with_for_update())

    async def begin_reading(self, connection: AsyncConnection, patience: float) -> None:
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        async with asyncio.timeout(patience):
            await connection.begin()

    async def version(self) -> Version | None:
        return None

    async def close(self) -> None:
        await self.engine.dispose()


class _SqliteConnection(sqlite3.Connection):
    """Rolls back before it closes.

    A statement that was cancelled may live on in some traceback. SQLite keeps a closed connection
    for it, and with the connection the write lock.
    """

    def close(self) -> None:
        with suppress(sqlite3.Error):  # closed already, or the disk is gone
            self.rollback()
        super().close()


def _claim(path: Path) -> tuple[int, int]:
    """Make the file if it is missing, see that it is its owner's alone, and return its identity."""
    try:
        # Only a new file is opened here: closing one that SQLite has open in this process would
        # drop SQLite's locks on it (POSIX locks are a process', not a file descriptor's).
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        # The write-ahead log and its index take their mode from the file.
        path.chmod(0o600)
        found = path.stat()
    except OSError as error:
        raise StoreUnavailable(f"the database file cannot be opened: {error.strerror}") from error
    return found.st_dev, found.st_ino


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions of its own.
    connection.isolation_level = None
    # A tampered text must reach the verifier as a wrong text, not as a failure to decode.
    connection.driver_connection.text_factory = _decoded
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
