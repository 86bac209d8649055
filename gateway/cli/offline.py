"""Verifying an audit log in its database, with no gateway to ask."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.cli.failures import Exit, Failure
from gateway.store import Checkpoint, Checkpoints, Intact, Store
from gateway.store.databases import database_at


async def verify_offline(database: str, checkpoint: Path | None) -> dict[str, Any]:
    """Check the log in `database` against the heads in `checkpoint`. Changes nothing.

    Raises: Failure, StoreUnavailable, SettingsError.
    """
    for file in (file_of(database), checkpoint):
        # SQLite would make an absent database, and an absent list of heads vouches for anything.
        if file is not None and not file.is_file():
            raise Failure(f"cannot read {file}: no such file", Exit.USAGE)
    # Not `Store.open`, which would bring the schema up to date.
    store = Store(database_at(database))
    try:
        async with store.reading() as unit:
            result = await unit.audit.verify(_heads(checkpoint))
    finally:
        await store.close()
    return {"intact": isinstance(result, Intact), **asdict(result)}


def file_of(database: str) -> Path | None:
    """The file behind a SQLite address; None for a database server's."""
    try:
        url = make_url(database)
    except ArgumentError:
        raise Failure(
            "the database must be an SQLAlchemy address, like "
            "sqlite+aiosqlite:////var/lib/eva/gateway.sqlite3",
            Exit.USAGE,
        ) from None
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _heads(file: Path | None) -> tuple[Checkpoint, ...]:
    return () if file is None else Checkpoints(file).all()
