"""Share links and the visits that redeemed them."""

from __future__ import annotations

from gateway.store import Store
from tests.store.samples import later, link, visit


async def test_a_link_is_found_by_its_secrets_digest_and_by_its_id(furnished: Store) -> None:
    async with furnished.reading() as unit:
        assert await unit.links.by_digest("digest-of-link-1") == link()
        assert await unit.links.by_digest("link-1") is None
        assert await unit.links.get("link-1") == link()
        assert await unit.links.for_consent("consent-1") == (link(),)


async def test_a_revoked_link_keeps_its_secret_so_that_it_is_known(furnished: Store) -> None:
    revoked = link(revoked_at=later(minutes=5))
    async with furnished.unit() as unit:
        await unit.links.update(revoked)
    async with furnished.reading() as unit:
        assert await unit.links.by_digest("digest-of-link-1") == revoked


async def test_visits_are_counted_per_link(furnished: Store) -> None:
    async with furnished.unit() as unit:
        await unit.links.add(link("link-2"), "digest-of-link-2")
        await unit.visits.add(visit(), "digest-of-visit-1")
        await unit.visits.add(visit("visit-2", created_at=later(seconds=1)), "digest-of-visit-2")
    async with furnished.reading() as unit:
        assert await unit.visits.count("link-1") == 2
        assert await unit.visits.count("link-2") == 0
        assert await unit.visits.by_digest("digest-of-visit-1") == visit()
        assert await unit.visits.by_digest("visit-1") is None
        assert await unit.visits.get("visit-1") == visit()
