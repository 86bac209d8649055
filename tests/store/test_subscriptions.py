"""Subscriptions and the workstation safelist: what admins decide for many."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.policy.facts import Subscription, Workstation
from gateway.store import Store
from tests.store.samples import NOW, later


async def test_a_subscription_is_enabled_and_disabled_whatever_its_case(store: Store) -> None:
    async with store.unit() as unit:
        assert await unit.subscriptions.get("SUB-A") is None
        await unit.subscriptions.set_enabled("Sub-A", True, NOW)
        assert await unit.subscriptions.get("SUB-A") == Subscription("sub-a", enabled=True)
        await unit.subscriptions.set_enabled("sub-a", False, later(hours=1))
        await unit.subscriptions.set_enabled("sub-b", True, NOW)
        assert await unit.subscriptions.list() == (
            Subscription("sub-a", enabled=False),
            Subscription("sub-b", enabled=True),
        )


@pytest.mark.parametrize("network", ["192.0.2.0/24", "192.0.2.7/32", "2001:db8::/32"])
async def test_a_workstation_is_added_once_and_removed_once(store: Store, network: str) -> None:
    entry = Workstation("node-1", ip_network(network), "Root", NOW)
    async with store.unit() as unit:
        assert await unit.safelist.add(entry)
        assert not await unit.safelist.add(Workstation("node-1", entry.network, "Eve", NOW))
        assert await unit.safelist.list("node-1") == (entry,)
        assert await unit.safelist.remove("node-1", entry.network)
        assert not await unit.safelist.remove("node-1", entry.network)
        assert await unit.safelist.list() == ()


async def test_each_node_has_its_own_safelist(store: Store) -> None:
    here = Workstation("node-1", ip_network("192.0.2.0/24"), "Root", NOW)
    there = Workstation("node-2", ip_network("192.0.2.0/24"), "Root", NOW)
    async with store.unit() as unit:
        await unit.safelist.add(there)
        await unit.safelist.add(here)
        assert await unit.safelist.list("node-1") == (here,)
        assert await unit.safelist.list() == (here, there)
        assert not await unit.safelist.remove("node-3", here.network)
