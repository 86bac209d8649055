"""Set-up links: found by digest, marked as used."""

from __future__ import annotations

from gateway.store import Store
from tests.store.samples import later, setup_link


async def test_a_used_set_up_link_is_known_as_used(furnished: Store) -> None:
    used = setup_link(used_at=later(minutes=3), code_secret="sealed")
    async with furnished.unit() as unit:
        await unit.setup_links.add(setup_link(), "digest")
        assert await unit.setup_links.by_digest("digest") == setup_link()
        assert await unit.setup_links.by_digest("setup-1") is None
        await unit.setup_links.update(used)
    async with furnished.reading() as unit:
        assert await unit.setup_links.by_digest("digest") == used
        assert await unit.setup_links.for_account("account-ana") == (used,)
