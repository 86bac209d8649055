"""The audit log in the store: chained, in the same commit, paged and verified."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.store import AuditFilter, Broken, Head, Intact, Store
from tests.store.samples import WEB01, account, entry


async def write(store: Store, count: int) -> None:
    async with store.unit() as unit:
        for n in range(count):
            await unit.audit.record(entry(f"vm{n}"))


async def tamper(store: Store, statement: str) -> None:
    """Change the log as somebody would who can write to the database."""
    async with store._database.engine.connect() as connection:
        await store._database.begin_writing(connection, 1.0)
        await connection.execute(text(statement))
        await connection.commit()


async def verdict(store: Store, *checkpoints: Head) -> Intact | Broken:
    async with store.reading() as unit:
        return await unit.audit.verify(checkpoints)


async def test_a_record_comes_back_as_it_was_hashed(store: Store) -> None:
    async with store.unit() as unit:
        written = await unit.audit.record(entry())
    async with store.reading() as unit:
        (read,) = await unit.audit.page()
        assert await unit.audit.head() == Head(1, written.hash)
    assert read == written
    assert (read.seq, read.actor, read.target, read.moment) == (1, "Ana", WEB01, entry().at)
    assert read.facts == {"grant": "grant-1", "attempt": 1, "again": False, "link": None}


@pytest.mark.rule(7)
async def test_a_record_stands_or_falls_with_what_it_records(store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with store.unit() as unit:
            await unit.accounts.add(account())
            await unit.audit.record(entry())
            raise RuntimeError("the action failed")
    async with store.reading() as unit:
        assert await unit.accounts.list() == ()
        assert await unit.audit.page() == ()
    assert await verdict(store) == Intact(0, "0" * 64)


@pytest.mark.rule(7)
async def test_two_stores_on_one_database_make_one_unbroken_chain(url: str) -> None:
    nodes = [await Store.open(url), await Store.open(url)]

    async def write_some(node: Store, name: str) -> None:
        for n in range(20):
            async with node.unit() as unit:
                await unit.audit.record(entry(f"{name}-{n}"))

    await asyncio.gather(*(write_some(nodes[n % 2], f"writer{n}") for n in range(4)))
    found = await verdict(nodes[0])
    assert isinstance(found, Intact) and found.count == 80
    for node in nodes:
        await node.close()


@pytest.mark.rule(7)
@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE audit SET actor = 'Mallory' WHERE seq = 4", 4),
        ("UPDATE audit SET outcome = 'denied' WHERE seq = 1", 1),
        ("UPDATE audit SET details = '{\"attempt\": 1}' WHERE seq = 7", 7),
        ("UPDATE audit SET at = 'yesterday' WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq > 8", 9),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET seq = seq + 1000 WHERE seq = 2", 2),
        ("UPDATE audit_head SET seq = 9", 10),
    ],
)
async def test_verification_names_the_first_bad_record(
    store: Store, statement: str, seq: int
) -> None:
    await write(store, 10)
    await tamper(store, statement)
    found = await verdict(store)
    assert isinstance(found, Broken) and found.seq == seq


async def test_text_that_is_no_text_is_a_changed_record_not_a_failure(
    sqlite_path: Path,
) -> None:
    store = await Store.open(f"sqlite:///{sqlite_path}")
    await write(store, 3)
    await tamper(store, "UPDATE audit SET actor = CAST(X'ff00fe' AS TEXT) WHERE seq = 2")
    assert await verdict(store) == Broken(2, "record 2 was changed")
    await tamper(store, "UPDATE audit SET actor = X'ff00fe', details = 7 WHERE seq = 1")
    assert await verdict(store) == Broken(1, "record 1 was changed")
    async with store.reading() as unit:
        assert (await unit.audit.page())[-1].facts == {}
    await store.close()


@pytest.mark.rule(7)
async def test_a_tail_cut_together_with_the_head_shows_against_a_checkpoint(store: Store) -> None:
    await write(store, 10)
    async with store.reading() as unit:
        checkpoint = await unit.audit.head()
        seventh = (await unit.audit.page(before_seq=8, limit=1))[0]
    await tamper(store, "DELETE FROM audit WHERE seq > 7")
    await tamper(store, f"UPDATE audit_head SET seq = 7, hash = '{seventh.hash}'")
    assert isinstance(await verdict(store), Intact)  # in itself, the log looks whole
    assert await verdict(store, checkpoint) == Broken(8, "records 8 to 10 are missing")


async def test_a_long_log_is_verified_in_portions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.audit.VERIFIED_AT_ONCE", 7)
    await write(store, 30)
    found = await verdict(store)
    assert isinstance(found, Intact) and found.count == 30
    await tamper(store, "UPDATE audit SET code = 'x' WHERE seq = 15")
    assert await verdict(store) == Broken(15, "record 15 was changed")


async def test_pages_go_back_from_the_newest(store: Store) -> None:
    await write(store, 5)
    async with store.reading() as unit:
        newest = await unit.audit.page(limit=2)
        older = await unit.audit.page(before_seq=newest[-1].seq, limit=2)
        oldest = await unit.audit.page(before_seq=older[-1].seq, limit=2)
    assert [record.seq for record in (*newest, *older, *oldest)] == [5, 4, 3, 2, 1]


async def test_pages_are_filtered_by_action_actor_outcome_and_target(store: Store) -> None:
    async with store.unit() as unit:
        await unit.audit.record(entry("vm1", action="sign_in", actor="Ana"))
        await unit.audit.record(entry("vm2", action="sign_in", actor="Bo", outcome="denied"))
        await unit.audit.record(entry("vm1", action="console.open", actor="ana"))

    async def shown(filters: AuditFilter) -> list[int]:
        async with store.reading() as unit:
            return [record.seq for record in await unit.audit.page(filters=filters)]

    assert await shown(AuditFilter(action="sign_in")) == [2, 1]
    assert await shown(AuditFilter(actor="ANA")) == [3, 1]
    assert await shown(AuditFilter(outcome="denied")) == [2]
    assert await shown(AuditFilter(target="vm1")) == [3, 1]
    assert await shown(AuditFilter(action="sign_in", actor="ana", outcome="allowed")) == [1]
