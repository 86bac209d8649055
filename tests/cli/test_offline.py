"""Commands that need no gateway: verifying a log in its database, judging a configuration."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.certificates import make_development_certificates
from gateway.cli import app
from gateway.store import AuditEntry, Checkpoints, Store

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A database with five audit records, and beside it a checkpoint of the last one."""
    file = tmp_path / "gateway.sqlite3"

    async def write() -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{file}")
        for number in range(5):
            async with store.unit() as unit:
                entry = AuditEntry(NOW, "ada", "admin", "::1", "test", str(number), "allowed")
                await unit.audit.record(entry)
        async with store.reading() as unit:
            head = await unit.audit.head()
        Checkpoints(tmp_path / "audit.checkpoints").append(head, NOW)
        await store.close()

    asyncio.run(write())
    return file


def verify(log: Path, *more: str) -> Result:
    return run("audit", "verify", "--database", f"sqlite+aiosqlite:///{log}", *more)


def alter(log: Path, statement: str) -> None:
    with sqlite3.connect(log) as database:
        database.execute(statement)
    database.close()


def test_an_untouched_log_is_intact(log: Path) -> None:
    result = verify(log, "--checkpoint", str(log.parent / "audit.checkpoints"))
    assert (result.exit_code, "5 records" in result.stdout) == (0, True)


@pytest.mark.rule(7)
def test_the_first_record_that_was_changed_is_named(log: Path) -> None:
    alter(log, "UPDATE audit SET actor = 'eve' WHERE seq = 3")
    result = verify(log)
    assert result.exit_code == 1
    assert "record 3" in result.stderr
    answer: dict[str, Any] = json.loads(verify(log, "--json").stdout)
    assert (answer["intact"], answer["seq"]) == (False, 3)


@pytest.mark.rule(7)
def test_a_cut_off_tail_shows_by_the_checkpoint(log: Path) -> None:
    alter(log, "DELETE FROM audit WHERE 3 < seq")
    seal = "(SELECT hash FROM audit WHERE seq = 3)"
    alter(log, f"UPDATE audit_head SET seq = 3, hash = {seal}")
    assert verify(log).exit_code == 0  # the database alone cannot tell
    result = verify(log, "--checkpoint", str(log.parent / "audit.checkpoints"))
    assert result.exit_code == 1
    assert "record 4" in result.stderr


def test_an_absent_file_is_not_taken_for_an_empty_one(log: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.sqlite3"
    assert verify(absent).exit_code == 2
    assert not absent.exists()
    assert verify(log, "--checkpoint", str(tmp_path / "absent")).exit_code == 2
    assert run("audit", "verify", "--checkpoint", str(log)).exit_code == 2
    assert run("audit", "verify", "--database", "gateway.sqlite3").exit_code == 2


def test_a_database_of_something_else_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite3"
    sqlite3.connect(file).close()
    file.touch()
    result = verify(file)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def config(tmp_path: Path) -> Path:
    certificates = make_development_certificates(
        tmp_path / "certs", ("localhost",), datetime.now(UTC)
    )
    file = tmp_path / "gateway.toml"
    file.write_text(
        f'node = "AzS-ERCS02"\n'
        f'certificate_file = "{certificates.certificate}"\n'
        f'private_key_file = "{certificates.private_key}"\n'
        f'database = "postgresql+asyncpg://eva:hunter2@db.example/eva"\n'
    )
    return file


def test_a_usable_configuration_is_said_to_be_usable(config: Path) -> None:
    result = run("config", "check", "--config", str(config))
    assert (result.exit_code, "AzS-ERCS02" in result.stdout) == (0, True)


def test_every_problem_of_a_configuration_is_named(config: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.toml"
    inventory.write_text("[[machine]]\nname = 7\n")
    result = run(
        "config", "check", "--config", str(config),
        EVA_INVENTORY_FILE=str(inventory), EVA_CERTIFICATE_FILE="/nonexistent.pem",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "/nonexistent.pem" in result.stderr
    assert "inventory" in result.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [("listn = 1", "listn"), ('listen = "x"', "listen"), ("= 1", "TOML")],
)
def test_a_wrong_setting_is_named(config: Path, line: str, words: str) -> None:
    config.write_text(line)
    for command in ("check", "show"):
        result = run("config", command, "--config", str(config))
        assert result.exit_code == 1
        assert words in result.stderr
    assert run("serve", "--config", str(config)).exit_code == 1


def test_what_is_shown_hides_the_databases_password(config: Path) -> None:
    for more in ((), ("--json",)):
        result = run("config", "show", "--config", str(config), *more)
        assert result.exit_code == 0
        assert "db.example" in result.stdout
        assert "hunter2" not in result.stdout


def test_the_environment_counts_over_the_file(config: Path) -> None:
    shown = json.loads(
        run("config", "show", "--config", str(config), "--json", EVA_NODE="AzS-ERCS03").stdout
    )
    assert shown["node"] == "AzS-ERCS03"
