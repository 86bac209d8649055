"""Grants: found by id, by consent, by sign-in."""

from __future__ import annotations

from gateway.policy.facts import EndCode
from gateway.store import Store
from tests.store.samples import grant, later


async def test_a_grant_comes_back_as_it_was_changed(furnished: Store) -> None:
    ended = grant(
        opened_at=later(seconds=5),
        last_seen_at=later(minutes=5),
        ended_at=later(minutes=6),
        end_code=EndCode.LEFT,
    )
    async with furnished.unit() as unit:
        assert await unit.grants.get("grant-1") == grant()
        await unit.grants.update(ended)
    async with furnished.reading() as unit:
        assert await unit.grants.get("grant-1") == ended
        assert await unit.grants.get("none") is None


async def test_grants_are_found_by_consent_and_by_sign_in(furnished: Store) -> None:
    second = grant("grant-2", stepped_up_at=later(minutes=1), sign_in_id="sign-in-2")
    async with furnished.unit() as unit:
        await unit.grants.add(second)
    async with furnished.reading() as unit:
        assert await unit.grants.for_consent("consent-1") == (grant(), second)
        assert await unit.grants.for_consent("none") == ()
        assert await unit.grants.for_sign_in("sign-in-2") == (second,)
