"""kill -9 at any moment loses nothing that was acknowledged (SECURITY F1)."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
from pathlib import Path

import pytest

from gateway.store import Intact, Store
from tests.store.samples import furnish

LOOPS = int(os.environ.get("EVA_TEST_KILLS", "10"))
REPOSITORY = Path(__file__).parents[2]


async def write_until_killed(url: str, prefix: str, after: float) -> list[list[str]]:
    """Return what a writer said that the store had acknowledged: consent id, seq and hash."""
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.writer", url, prefix),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert writer.stdout is not None
    first = await writer.stdout.readline()
    await asyncio.sleep(after)
    writer.kill()
    rest = await writer.stdout.read()
    await writer.wait()
    # A line without its end was on its way when the end came.
    return [
        line.decode().split() for line in (first + rest).splitlines(keepends=True) if b"\n" in line
    ]


@pytest.mark.rule(7)
async def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(sqlite_path: Path) -> None:
    url = f"sqlite:///{sqlite_path}"
    store = await Store.open(url)
    await furnish(store)
    choose = random.Random(20260301)
    acknowledged = 0
    for loop in range(LOOPS):
        lines = await write_until_killed(url, f"run{loop}", choose.random() * 0.15)
        assert lines
        acknowledged += len(lines)
        async with store.reading() as unit:
            verdict = await unit.audit.verify()
            assert isinstance(verdict, Intact), verdict
            for consent_id, seq, sealed in lines:
                assert await unit.consents.get(consent_id) is not None
                (record,) = await unit.audit.page(before_seq=int(seq) + 1, limit=1)
                assert (record.target, record.hash) == (consent_id, sealed)
    await store.close()
    assert sqlite3.connect(sqlite_path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    print(f"{LOOPS} kills, {acknowledged} commits acknowledged, none lost")
