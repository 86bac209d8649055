"""keys rotate: everything sealed moves to the current key, or nothing does."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.errors import SettingsError
from gateway.identity.secrets import KeyRing
from gateway.policy.facts import Role
from gateway.store import Account, SetupLink, Store
from gateway.store.schema import extensions
from gateway.store.sealed import COLUMNS

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
FORMER, CURRENT = b"f" * 43, b"c" * 43
SECRET = "JBSWY3DPEHPK3PXP"


def ring(*keys: bytes) -> KeyRing:
    return KeyRing(keys[0], keys[1:], clock=lambda: NOW)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A gateway's state folder: three values are sealed, with the key that is retired now."""
    for name, key in (("secret.key", CURRENT), ("former.key", FORMER)):
        (tmp_path / name).write_bytes(key)
        (tmp_path / name).chmod(0o600)
    asyncio.run(_seal(tmp_path))
    return tmp_path


async def _seal(folder: Path) -> None:
    store = await Store.open(f"sqlite:///{folder / 'gateway.sqlite3'}")
    sealed = ring(FORMER).seal(SECRET)
    async with store.unit() as unit:
        await unit.accounts.add(
            Account("a", "ada", Role.ADMIN, "hash", sealed, frozenset(), False, NOW)
        )
        await unit.setup_links.add(SetupLink("l", "a", NOW, code_secret=sealed), "digest")
        values = {column.name: "x" for column in extensions.c if column.name != "protected"}
        values |= {"auto_upgrade": True, "created_at": NOW, "changed_at": NOW, "protected": sealed}
        await unit.audit._connection.execute(insert(extensions).values(values))
    await store.close()


def rotate(state: Path, *retired: str) -> Result:
    files = json.dumps([str(state / name) for name in retired])
    environment = {"EVA_STATE_DIRECTORY": str(state), "EVA_RETIRED_SECRET_KEY_FILES": files}
    return CliRunner().invoke(app, ["keys", "rotate", "--json"], env=environment)


def sealed_values(state: Path) -> list[str]:
    with sqlite3.connect(state / "gateway.sqlite3") as database:
        found = [
            value
            for column in COLUMNS
            for (value,) in database.execute(
                f"SELECT {column.name} FROM {column.table.name} WHERE {column.name} IS NOT NULL"
            )
        ]
    database.close()
    return found


def test_every_sealed_value_moves_to_the_current_key(state: Path) -> None:
    result = rotate(state, "former.key")
    assert result.exit_code == 0, result.output
    counts = {place: count for place, count in json.loads(result.stdout).items() if count}
    assert counts == {
        "accounts.code_secret": 1,
        "setup_links.code_secret": 1,
        "extensions.protected": 1,
    }
    assert [ring(CURRENT).unseal(value) for value in sealed_values(state)] == [SECRET] * 3
    with sqlite3.connect(state / "gateway.sqlite3") as database:
        (record,) = database.execute("SELECT action, details FROM audit").fetchall()
    database.close()
    assert (record[0], SECRET in record[1]) == ("keys.rotate", False)


def test_where_a_key_is_missing_nothing_is_changed(state: Path) -> None:
    before = sealed_values(state)
    result = rotate(state)
    assert result.exit_code == 1
    assert "add the former one as retired" in result.stderr
    assert sealed_values(state) == before
    with pytest.raises(SettingsError):
        ring(CURRENT).unseal(before[0])


def test_it_makes_neither_a_database_nor_a_key(tmp_path: Path) -> None:
    result = rotate(tmp_path)
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_schema_marks_every_column_that_is_sealed() -> None:
    assert {f"{column.table.name}.{column.name}" for column in COLUMNS} == {
        "accounts.code_secret",
        "setup_links.code_secret",
        "extensions.protected",
        "recovery_actions.protected",
        "deployments.pending",
    }
