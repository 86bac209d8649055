"""Units of work against one database: all of a unit happens, or none of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import StoreUnavailable
from gateway.store.databases import Database, Version, database_at
from gateway.store.unit import Unit

MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """The gateway's rows. Open one per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # The database lets one writer in at a time; waiting here is cheaper, and fair.
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, url: str) -> Store:
        """Open the store at a SQLAlchemy URL and bring its schema up to date.

        Raises: StoreUnavailable, or SettingsError for a URL that cannot be used.
        """
        store = cls(database_at(url))
        try:
            await store._migrate()
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close every connection. Units still under way fail."""
        await self._database.close()

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """Begin a unit that writes, as the only writer: it commits when left, or rolls back.

        Raises: StoreUnavailable, within 2 s, where the database is locked or out of reach; then
        nothing was changed.
        """
        return self._write()

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        """Begin a unit that reads one state of the store and cannot write.

        Raises: StoreUnavailable, within 2 s.
        """
        return self._read()

    async def version(self) -> Version | None:
        """What changes with every commit, by whichever process.

        Ask for it before reading: what is read then is at least as new. It may change though
        nothing was committed. None where the database does not tell. Raises: StoreUnavailable.
        """
        with _told_apart():
            self._database.check()
            return await self._database.version()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[Unit]:
        deadline = _now() + self._database.patience
        async with self._turn(deadline), self._connection(deadline) as connection:
            await self._database.begin_writing(connection, max(0.0, deadline - _now()))
            yield Unit(connection)
            # Acknowledge nothing that was written into a file which is gone.
            self._database.check()
            await connection.commit()

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[Unit]:
        deadline = _now() + self._database.patience
        async with self._connection(deadline) as connection:
            await self._database.begin_reading(connection, max(0.0, deadline - _now()))
            yield Unit(connection)

    @asynccontextmanager
    async def _turn(self, deadline: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(deadline):
                await self._writing.acquire()
        except TimeoutError:
            raise StoreUnavailable("the writers before this one take too long") from None
        try:
            yield
        finally:
            self._writing.release()

    @asynccontextmanager
    async def _connection(self, deadline: float) -> AsyncIterator[AsyncConnection]:
        with _told_apart():
            self._database.check()
            async with AsyncExitStack() as stack:
                async with asyncio.timeout_at(deadline):
                    connection = await stack.enter_async_context(self._database.engine.connect())
                yield connection

    async def _migrate(self) -> None:
        engine = self._database.migrating()
        try:
            with _told_apart():
                async with engine.connect() as connection:
                    await self._database.begin_migration(connection)
                    await connection.run_sync(_upgrade)
                    await connection.commit()
        finally:
            await engine.dispose()


@contextmanager
def _told_apart() -> Iterator[None]:
    """Turn what a database out of reach raises into StoreUnavailable; our own mistakes stay."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError, NotSupportedError) as error:
        if error.connection_invalidated:
            raise StoreUnavailable("the database went away") from error
        raise
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        raise StoreUnavailable("the database cannot be reached or is locked") from error


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreUnavailable(
            f"the database's schema cannot be brought up to date: {error}"
        ) from error


def _now() -> float:
    return asyncio.get_running_loop().time()
