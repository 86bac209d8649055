"""Consents: which one is in force, and which ones there were."""

from __future__ import annotations

from gateway.policy.facts import EndCode
from gateway.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, WEB01, consent, later


async def add_consents(store: Store) -> None:
    async with store.unit() as unit:
        # Beside consent-1, which `furnished` holds: an old one, an ended one, another VM's.
        await unit.consents.add(consent("old", given_at=later(hours=-9)))
        await unit.consents.add(consent("withdrawn", ended_at=later(minutes=1)))
        db01 = {"vm_key": "/vm/db01", "subscription_id": "sub-b", "node": "AzS-ERCS02"}
        await unit.consents.add(consent("db01", given_at=later(hours=-1), **db01))


async def test_a_consent_comes_back_as_it_went_in(furnished: Store) -> None:
    ended = consent(
        ended_at=later(hours=1),
        end_code=EndCode.REVOKED,
        ended_by="Root",
        end_reason="maintenance",
    )
    async with furnished.unit() as unit:
        assert await unit.consents.get("consent-1") == consent()
        await unit.consents.update(ended)
    async with furnished.reading() as unit:
        assert await unit.consents.get("consent-1") == ended
        assert await unit.consents.get("none") is None


async def test_the_consent_in_force_is_neither_ended_nor_expired(furnished: Store) -> None:
    await add_consents(furnished)
    async with furnished.reading() as unit:
        assert await unit.consents.active_for(WEB01.upper(), NOW) == consent()
        assert await unit.consents.active_for("/vm/none", NOW) is None


async def test_a_consent_ends_at_its_very_moment(furnished: Store) -> None:
    async with furnished.reading() as unit:
        before = later(hours=8, microseconds=-1)
        assert await unit.consents.active_for(WEB01, before) is not None
        assert await unit.consents.active_for(WEB01, later(hours=8)) is None


async def test_consents_in_force_by_node_and_by_subscription(furnished: Store) -> None:
    await add_consents(furnished)
    async with furnished.reading() as unit:
        everywhere = await unit.consents.active(NOW)
        here = await unit.consents.active(NOW, node="AzS-ERCS01")
        theirs = await unit.consents.active(NOW, subscription_ids=["SUB-B"])
        nobodys = await unit.consents.active(NOW, subscription_ids=[])
    assert [found.id for found in everywhere] == ["db01", "consent-1"]  # that ends first
    assert [found.id for found in here] == ["consent-1"]
    assert [found.id for found in theirs] == ["db01"]
    assert nobodys == ()


async def test_what_ran_out_unnoticed_is_found(furnished: Store) -> None:
    await add_consents(furnished)
    async with furnished.reading() as unit:
        found = [each.id for each in await unit.consents.unended()]
    assert found == ["old", "db01", "consent-1"]


async def test_history_is_paged_newest_first(furnished: Store) -> None:
    await add_consents(furnished)
    async with furnished.reading() as unit:
        first = await unit.consents.history(2)
        second = await unit.consents.history(2, before=first[-1])
        third = await unit.consents.history(2, before=second[-1])
        mine = await unit.consents.history(9, subscription_ids={SUBSCRIPTION.upper()})
        of_one = await unit.consents.history(9, vm_key="/VM/DB01")
        there = await unit.consents.history(9, node="AzS-ERCS02")
    # Two of them were given at the same moment: the page breaks between them all the same.
    assert [found.id for found in (*first, *second, *third)] == [
        "withdrawn",
        "consent-1",
        "db01",
        "old",
    ]
    assert [found.id for found in mine] == ["withdrawn", "consent-1", "old"]
    assert [found.id for found in of_one] == [found.id for found in there] == ["db01"]
