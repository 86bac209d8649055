"""Everybody's rights, judged together: as each check would by itself, for next to nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway.actions.admit import Admission, VisitSecret, admit
from gateway.actions.rereading import Rereading
from gateway.actions.share_console import redeem_link, share_console
from gateway.errors import StoreUnavailable
from gateway.policy.facts import CONSENT_LIFETIME, Consent, EndCode
from gateway.store import Store
from tests.actions.world import ELSEWHERE, WEB01, WEB02, WORKSTATION, World


class Counted:
    """How often the store was asked, and how much."""

    def __init__(self) -> None:
        self.readings = self.writings = self.statements = 0


@contextmanager
def counted(store: Store) -> Iterator[Counted]:
    count = Counted()
    engine = store._database.engine.sync_engine

    def executed(*_: Any) -> None:
        count.statements += 1

    def watched(begin: Callable[[], Any], what: str) -> Callable[[], Any]:
        @asynccontextmanager
        async def unit() -> AsyncIterator[Any]:
            setattr(count, what, getattr(count, what) + 1)
            async with begin() as begun:
                yield begun

        return unit

    reading, writing = store.reading, store.unit
    event.listen(engine, "before_cursor_execute", executed)
    store.reading = watched(reading, "readings")  # type: ignore[method-assign]
    store.unit = watched(writing, "writings")  # type: ignore[method-assign]
    try:
        yield count
    finally:
        store.reading, store.unit = reading, writing  # type: ignore[method-assign]
        event.remove(engine, "before_cursor_execute", executed)


@pytest.fixture
def rereading(world: World) -> Rereading:
    return Rereading(world.store, world.clock)


async def watch(world: World, consent: Consent, name: str) -> Admission:
    return await admit(
        world.s, consent_id=consent.id, credentials=await world.session(name),
        address=WORKSTATION, now=world.now,
    )  # fmt: skip


@pytest.fixture
async def inside(world: World) -> dict[str, Admission]:
    """An operator, the tenant, an admin and a guest on one console; an operator on another."""
    consent, olga = await world.consent(), await world.session("olga")
    found = {"operator": await world.enter(olga, consent)}
    found["tenant"] = await watch(world, consent, "tina")
    found["admin"] = await watch(world, consent, "ada")
    shared = await share_console(
        world.s, olga.actor, consent.id, label="", capacity=5, now=world.now
    )
    joined = await redeem_link(world.s, shared.secret, name="Gus", address=ELSEWHERE, now=world.now)
    found["guest"] = await admit(
        world.s, consent_id=consent.id, credentials=VisitSecret(joined.secret),
        address=ELSEWHERE, now=world.now,
    )  # fmt: skip
    other = await world.consent(WEB02)
    found["elsewhere"] = await world.enter(await world.session("oscar"), other)
    return found


def questions(inside: dict[str, Admission]) -> list[Callable[[], Awaitable[EndCode | None]]]:
    return [each.still_allowed for each in inside.values()] + [
        each.session_allowed for each in inside.values()
    ]


def directly(tmp_path: Path, statement: str) -> None:
    """Commit it as somebody else does, in the file itself; nobody is told."""
    other = sqlite3.connect(tmp_path / "eva.sqlite3")
    assert other.execute(statement).rowcount
    other.commit()
    other.close()


NOW_ISH = "'2026-03-01 14:00:00.000000'"
CHANGES = {
    "nothing": None,
    "consent ended": f"UPDATE consents SET ended_at = {NOW_ISH}, end_code = 'withdrawn'"
    " WHERE vm_key LIKE '%web01'",
    "consent shortened": f"UPDATE consents SET expires_at = {NOW_ISH}",
    "consent lost": "DELETE FROM consents WHERE vm_key LIKE '%web01'",
    "grant ended": f"UPDATE grants SET ended_at = {NOW_ISH}, end_code = 'finished'"
    " WHERE operator = 'olga'",
    "grant of another consent": "UPDATE grants SET consent_id = (SELECT id FROM consents"
    " WHERE vm_key LIKE '%web02')",
    "sign-ins ended": f"UPDATE sign_ins SET ended_at = {NOW_ISH}",
    "sign-ins lost": "DELETE FROM sign_ins",
    "tenant disabled": "UPDATE accounts SET disabled = 1 WHERE name = 'tina'",
    "operator disabled": "UPDATE accounts SET disabled = 1 WHERE name = 'olga'",
    "no workstation": "DELETE FROM safelist",
    "link revoked": f"UPDATE links SET revoked_at = {NOW_ISH}",
    "link lost": "DELETE FROM links",
}


@pytest.mark.rule(2)
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_that_nobody_told_is_judged_as_each_check_judges_it(
    world: World, inside: dict[str, Admission], rereading: Rereading, tmp_path: Path, change: str
) -> None:
    asked = questions(inside)
    assert set(await rereading.why_not(asked, afresh=True)) == {None}
    if statement := CHANGES[change]:
        directly(tmp_path, statement)
    together = await rereading.why_not(asked, afresh=False)
    assert together == [await each() for each in asked]
    assert (set(together) == {None}) is (change == "nothing")


@pytest.mark.rule(2)
@pytest.mark.parametrize("ahead", [timedelta(minutes=15), timedelta(hours=1), CONSENT_LIFETIME])
async def test_time_passes_over_what_is_kept(
    world: World, inside: dict[str, Admission], rereading: Rereading, ahead: timedelta
) -> None:
    """Sign-ins fall idle, links and consents run out, and no commit says so."""
    asked = questions(inside)
    await rereading.why_not(asked, afresh=True)
    world.clock.now += ahead
    with counted(world.store) as count:
        together = await rereading.why_not(asked, afresh=False)
    assert count.readings == 0
    assert any(together)
    assert together == [await each() for each in asked]


async def test_the_inventory_is_asked_every_time(
    world: World, inside: dict[str, Admission], rereading: Rereading
) -> None:
    asked = questions(inside)
    await rereading.why_not(asked, afresh=True)
    world.inventory.drop(WEB01)
    codes = dict(zip(inside, await rereading.why_not(asked, afresh=False), strict=False))
    assert codes.pop("elsewhere") is None
    assert set(codes.values()) == {EndCode.VM_GONE}


@pytest.mark.rule(4)
async def test_more_viewers_take_no_more_readings(
    world: World, inside: dict[str, Admission], rereading: Rereading
) -> None:
    few = questions(inside)
    consent = inside["tenant"].consent
    more = [await watch(world, consent, name) for name in ("tina", "ada") * 10]
    crowd = few + [each.still_allowed for each in more]
    costs = []
    for asked in (few, crowd):
        with counted(world.store) as count:
            assert set(await rereading.why_not(asked, afresh=True)) == {None}
        costs.append((count.readings, count.statements))
    assert costs[0] == costs[1]
    assert costs[0][0] == 1


async def test_nothing_is_read_again_while_nothing_is_committed(
    world: World, inside: dict[str, Admission], rereading: Rereading
) -> None:
    asked = questions(inside)
    await rereading.why_not(asked, afresh=True)
    with counted(world.store) as count:
        for _ in range(10):
            world.clock.advance(seconds=2)
            assert set(await rereading.why_not(asked, afresh=False)) == {None}
            await rereading.note_seen()
    assert (count.readings, count.writings) == (0, 0)


async def test_afresh_is_afresh_and_so_is_somebody_new(
    world: World, inside: dict[str, Admission], rereading: Rereading
) -> None:
    asked = questions(inside)
    await rereading.why_not(asked[:1], afresh=True)
    for each, afresh in ((asked[:1], True), (asked, False)):
        with counted(world.store) as count:
            await rereading.why_not(each, afresh=afresh)
        assert count.readings == 1


async def test_where_the_store_tells_no_version_it_is_always_read(
    world: World, inside: dict[str, Admission], rereading: Rereading,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async def none() -> None:
        return None

    monkeypatch.setattr(world.store._database, "version", none)
    with counted(world.store) as count:
        for _ in range(3):
            await rereading.why_not(questions(inside), afresh=False)
    assert count.readings == 3


async def test_what_is_committed_while_the_rows_are_read_is_noticed_next_time(
    world: World, inside: dict[str, Admission], rereading: Rereading, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    reading = world.store.reading

    @asynccontextmanager
    async def slow() -> AsyncIterator[Any]:
        async with reading() as unit:
            await unit.safelist.list()  # from here on it sees one state of the store
            directly(tmp_path, "DELETE FROM safelist")
            yield unit

    monkeypatch.setattr(world.store, "reading", slow)
    asked = [inside["operator"].still_allowed]
    assert await rereading.why_not(asked, afresh=True) == [None]
    monkeypatch.setattr(world.store, "reading", reading)
    assert await rereading.why_not(asked, afresh=False) == [EndCode.WORKSTATION_REVOKED]


@pytest.mark.rule(10)
async def test_without_the_store_nobody_is_judged_and_afterwards_everybody_is(
    world: World, inside: dict[str, Admission], rereading: Rereading, tmp_path: Path,
) -> None:  # fmt: skip
    asked = questions(inside)
    await rereading.why_not(asked, afresh=True)
    path = tmp_path / "eva.sqlite3"
    path.rename(tmp_path / "away")
    for afresh in (True, False):
        with pytest.raises(StoreUnavailable):
            await rereading.why_not(asked, afresh=afresh)
    await rereading.note_seen()  # nobody, for nobody was judged
    (tmp_path / "away").rename(path)
    directly(tmp_path, "DELETE FROM safelist")
    assert (await rereading.why_not(asked, afresh=False))[0] is EndCode.WORKSTATION_REVOKED


async def test_who_is_here_is_noted_in_one_commit(
    world: World, inside: dict[str, Admission], rereading: Rereading
) -> None:
    """Those who are soon due go with those who are: from then on they fall due together."""
    asked = questions(inside)
    consent = inside["tenant"].consent
    world.clock.advance(seconds=14)
    soon = await watch(world, consent, "tina")  # not due, but soon
    world.clock.advance(seconds=2)
    late = await watch(world, consent, "tina")
    asked += [soon.still_allowed, late.still_allowed]
    world.clock.advance(seconds=14)
    with counted(world.store) as count:
        await rereading.why_not(asked, afresh=False)
        await rereading.note_seen()
    assert (count.readings, count.writings) == (1, 1)
    noted = await _last_seen(world, {"late": late, "soon": soon, **inside})
    assert noted.pop("late") == world.now - timedelta(seconds=14)
    assert set(noted.values()) == {world.now}


async def test_who_must_go_is_not_noted_as_here(
    world: World, inside: dict[str, Admission], rereading: Rereading, tmp_path: Path
) -> None:
    world.clock.advance(seconds=30)
    directly(tmp_path, "DELETE FROM safelist")
    await rereading.why_not(questions(inside), afresh=False)
    await rereading.note_seen()
    noted = await _last_seen(world, inside)
    assert noted["operator"] == world.now - timedelta(seconds=30)
    assert noted["tenant"] == world.now


async def _last_seen(world: World, inside: dict[str, Admission]) -> dict[str, Any]:
    found = {}
    async with world.store.reading() as unit:
        for part, admission in inside.items():
            who = admission.participant
            if who.grant_id is not None:
                grant = await unit.grants.get(who.grant_id)
                assert grant is not None
                found[part] = grant.last_seen_at
            elif who.sign_in_id is not None:
                sign_in = await unit.sign_ins.get(who.sign_in_id)
                assert sign_in is not None
                found[part] = sign_in.last_seen_at
    return found
