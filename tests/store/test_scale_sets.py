"""Scale sets: the last words of their owners, one row each."""

from __future__ import annotations

from dataclasses import replace

from gateway.store import Store
from gateway.store.scale_sets import ScaleSet
from tests.store.samples import NOW, SUBSCRIPTION, later

RESOURCE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/Web"
)
WEB = ScaleSet(RESOURCE_ID.lower(), RESOURCE_ID, '{"sku": {"capacity": 2}}', NOW)


async def test_a_scale_set_is_found_whatever_the_case_of_its_id(store: Store) -> None:
    async with store.unit() as unit:
        assert await unit.scale_sets.get(RESOURCE_ID) is None
        await unit.scale_sets.put(WEB)
        assert await unit.scale_sets.get(RESOURCE_ID.upper()) == WEB


async def test_writing_it_again_replaces_that_row_and_no_other(store: Store) -> None:
    other = replace(WEB, key=WEB.key + "2", resource_id=RESOURCE_ID + "2")
    rewritten = replace(WEB, model="{}", changed_at=later(hours=1))
    async with store.unit() as unit:
        await unit.scale_sets.put(WEB)
        await unit.scale_sets.put(other)
        await unit.scale_sets.put(rewritten)
        assert await unit.scale_sets.get(WEB.key) == rewritten
        assert await unit.scale_sets.get(other.key) == other


async def test_many_are_asked_for_at_once_and_come_by_key(store: Store) -> None:
    keys = [f"{WEB.key}-{number}" for number in (2, 1, 3)]
    async with store.unit() as unit:
        for key in keys:
            await unit.scale_sets.put(replace(WEB, key=key))
        found = await unit.scale_sets.among([*keys[:2], "nobody wrote this"])
        assert [scale_set.key for scale_set in found] == [f"{WEB.key}-1", f"{WEB.key}-2"]
        assert await unit.scale_sets.among([]) == ()
