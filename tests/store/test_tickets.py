"""Tickets: one use, by one taker, in time (SECURITY A6)."""

from __future__ import annotations

import asyncio

from gateway.store import Store, Ticket
from tests.store.samples import NOW, later


async def issue(store: Store, digest: str = "digest") -> None:
    async with store.unit() as unit:
        await unit.tickets.add(digest, "ticket", "grant-1", "192.0.2.7", later(seconds=60))


async def test_a_ticket_is_taken_once(furnished: Store) -> None:
    await issue(furnished)
    async with furnished.unit() as unit:
        taken = await unit.tickets.take("digest", NOW)
        assert taken == Ticket("ticket", "grant-1", "192.0.2.7", later(seconds=60))
        assert await unit.tickets.take("digest", NOW) is None


async def test_one_of_twenty_takers_gets_it(furnished: Store) -> None:
    await issue(furnished)

    async def take() -> Ticket | None:
        async with furnished.unit() as unit:
            return await unit.tickets.take("digest", NOW)

    takers = await asyncio.gather(*(take() for _ in range(20)))
    assert len([taken for taken in takers if taken is not None]) == 1


async def test_a_ticket_is_worth_nothing_from_its_last_moment_on(furnished: Store) -> None:
    await issue(furnished)
    async with furnished.unit() as unit:
        assert await unit.tickets.take("digest", later(seconds=60)) is None
        # It is gone, too: turning the clock back does not bring it back.
        assert await unit.tickets.take("digest", NOW) is None


async def test_an_unknown_ticket_takes_no_other(furnished: Store) -> None:
    await issue(furnished)
    async with furnished.unit() as unit:
        assert await unit.tickets.take("other", NOW) is None
        assert await unit.tickets.take("digest", NOW) is not None


async def test_a_ticket_taken_in_a_unit_that_fails_is_still_there(furnished: Store) -> None:
    await issue(furnished)
    try:
        async with furnished.unit() as unit:
            assert await unit.tickets.take("digest", NOW) is not None
            raise RuntimeError("the action failed")
    except RuntimeError:
        pass
    async with furnished.unit() as unit:
        assert await unit.tickets.take("digest", NOW) is not None
