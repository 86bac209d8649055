"""Accounts: one name, one account; one time step, one code."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import Conflict
from gateway.policy.facts import Role
from gateway.store import Store
from tests.store.samples import NOW, account, furnish, later


async def test_an_account_comes_back_as_it_went_in(store: Store) -> None:
    given = account(subscriptions=frozenset({"sub-a", "sub-b"}), code_secret="sealed")
    async with store.unit() as unit:
        await unit.accounts.add(given)
    async with store.reading() as unit:
        assert await unit.accounts.by_id(given.id) == given
        assert await unit.accounts.by_id("nobody") is None


@pytest.mark.parametrize("spelling", ["Straße", "STRASSE", "strasse"])
async def test_names_are_found_without_regard_to_case(store: Store, spelling: str) -> None:
    async with store.unit() as unit:
        await unit.accounts.add(account("Straße"))
    async with store.reading() as unit:
        found = await unit.accounts.by_name(spelling)
    assert found is not None and found.name == "Straße"


async def test_a_name_is_given_once_whatever_its_case(store: Store) -> None:
    async with store.unit() as unit:
        await unit.accounts.add(account("Ana"))
        with pytest.raises(Conflict):
            await unit.accounts.add(account("ANA", id="another"))
        await unit.accounts.add(account("Bo"))
        with pytest.raises(Conflict):
            await unit.accounts.update(account("aNa", id="account-bo"))


async def test_an_account_changes_as_a_whole(furnished: Store) -> None:
    changed = replace(
        account("Contoso"),
        name="Contoso Ltd",
        role=Role.ADMIN,
        disabled=True,
        subscriptions=frozenset({"sub-b"}),
        password_hash=None,
    )
    async with furnished.unit() as unit:
        await unit.accounts.update(changed)
    async with furnished.reading() as unit:
        assert await unit.accounts.by_id(changed.id) == changed


async def test_accounts_are_listed_by_name(furnished: Store) -> None:
    async with furnished.reading() as unit:
        listed = await unit.accounts.list()
    assert [account.name for account in listed] == ["Ana", "Contoso"]
    assert [len(account.subscriptions) for account in listed] == [0, 1]


async def test_a_time_step_is_used_once(furnished: Store) -> None:
    async with furnished.unit() as unit:
        assert await unit.accounts.use_code("account-ana", 1000)
        assert not await unit.accounts.use_code("account-ana", 1000)
        assert await unit.accounts.use_code("account-ana", 1001)
        assert await unit.accounts.use_code("account-contoso", 1000)


async def test_one_of_twenty_at_once_uses_the_code_on_two_nodes(url: str) -> None:
    # SECURITY A5.
    nodes = [await Store.open(url), await Store.open(url)]
    await furnish(nodes[0])

    async def use(node: Store) -> bool:
        async with node.unit() as unit:
            return await unit.accounts.use_code("account-ana", 7)

    outcomes = await asyncio.gather(*(use(nodes[n % 2]) for n in range(20)))
    assert sum(outcomes) == 1
    for node in nodes:
        await node.close()


async def test_moments_keep_their_microseconds_and_their_zone(store: Store) -> None:
    async with store.unit() as unit:
        await unit.accounts.add(account(created_at=later(microseconds=1)))
    async with store.reading() as unit:
        found = await unit.accounts.by_name("contoso")
    assert found is not None
    assert found.created_at == later(microseconds=1)
    assert found.created_at.utcoffset() == NOW.utcoffset()
