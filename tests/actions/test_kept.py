"""Rows that are looked at all the time are read once, until somebody commits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.actions.kept import Kept
from gateway.actions.sweep import end_sessions_of_missing_vms, sweep, unended
from gateway.errors import StoreUnavailable
from gateway.policy.facts import CONSENT_LIFETIME, EndCode
from gateway.store import Store, Unit
from tests.actions.world import WEB01, WEB02, World


class Names:
    """The accounts' names, and how often they were read."""

    def __init__(self) -> None:
        self.readings = 0

    async def __call__(self, unit: Unit) -> tuple[str, ...]:
        self.readings += 1
        return tuple(account.name for account in await unit.accounts.list())


async def rename(store: Store, name: str, to: str) -> None:
    async with store.unit() as unit:
        account = await unit.accounts.by_name(name)
        assert account is not None
        await unit.accounts.update(replace(account, name=to))


async def test_they_are_read_again_once_something_was_committed(world: World) -> None:
    names = Names()
    kept = Kept(world.store, names)
    for _ in range(5):
        assert "tina" in await kept.get()
    assert names.readings == 1
    await rename(world.store, "tina", "tanja")
    assert "tanja" in await kept.get()
    assert names.readings == 2


async def test_a_commit_while_they_are_read_is_seen_the_next_time(world: World) -> None:
    async def read(unit: Unit) -> tuple[str, ...]:
        found = await names(unit)
        if names.readings == 1:
            await rename(world.store, "tina", "tanja")
        return found

    names = Names()
    kept = Kept(world.store, read)
    assert "tina" in await kept.get()
    assert "tanja" in await kept.get()


async def test_where_the_store_tells_no_version_they_are_always_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none() -> None:
        return None

    monkeypatch.setattr(world.store._database, "version", none)
    names = Names()
    kept = Kept(world.store, names)
    for _ in range(3):
        await kept.get()
    assert names.readings == 3


@pytest.mark.rule(10)
async def test_out_of_reach_they_are_not_what_they_were(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise StoreUnavailable("the database's file is gone")

    kept = Kept(world.store, Names())
    await kept.get()
    monkeypatch.setattr(world.store._database, "check", gone)
    with pytest.raises(StoreUnavailable):
        await kept.get()


@pytest.mark.rule(2)
async def test_what_runs_out_is_swept_though_nothing_was_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent, _other = await world.consent(WEB01), await world.consent(WEB02)
    rows = unended(world.s)
    await sweep(world.s, world.now, rows)
    readings = 0
    reading = world.store.reading

    @asynccontextmanager
    async def counted() -> AsyncIterator[Unit]:
        nonlocal readings
        readings += 1
        async with reading() as unit:
            yield unit

    monkeypatch.setattr(world.store, "reading", counted)
    for _ in range(3):
        await sweep(world.s, world.now, rows)
        await end_sessions_of_missing_vms(world.s, world.now, rows)
    assert readings == 0
    world.inventory.drop(WEB01)
    await end_sessions_of_missing_vms(world.s, world.now, rows)
    world.clock.now += CONSENT_LIFETIME
    await sweep(world.s, world.now, rows)
    async with reading() as unit:
        found = await unit.consents.history(10)
    codes = {each.id == consent.id: each.end_code for each in found}
    assert codes == {True: EndCode.VM_GONE, False: EndCode.EXPIRED}
