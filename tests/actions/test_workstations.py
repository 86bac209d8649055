"""The workstation safelist: what an entry admits, and what ends with it."""

from __future__ import annotations

import pytest

from gateway.actions.queries import list_workstations
from gateway.actions.workstations import grant_workstation, revoke_workstation
from gateway.bus import GrantEnded, SafelistChanged
from gateway.errors import InvalidInput, NotFound
from gateway.policy.facts import EndCode
from tests.actions.world import NODE, WORKSTATION, World


async def test_granting_twice_is_granting_once(world: World) -> None:
    ada = await world.session("ada")
    for _ in range(2):
        entry = await grant_workstation(world.s, ada.actor, NODE, " 10.9.0.7 ", now=world.now)
    assert str(entry.network) == "10.9.0.7/32"
    listed = await list_workstations(world.s, ada.actor, NODE)
    assert [str(e.network) for e in listed] == ["10.0.0.0/24", "10.9.0.7/32"]


@pytest.mark.parametrize(
    "network",
    ["", "10.0.0", "10.0.0.7/24", "everywhere", "10.0.0.0/33", "::ffff:10.0.0.7", "\ud800"],
)
async def test_a_network_is_a_network(world: World, network: str) -> None:
    ada = await world.session("ada")
    for act in (grant_workstation, revoke_workstation):
        with pytest.raises(InvalidInput):
            await act(world.s, ada.actor, NODE, network, now=world.now)


@pytest.mark.parametrize("node", ["", "a b", "<b>", "x" * 64, "\ud800"])
async def test_a_node_has_a_name(world: World, node: str) -> None:
    ada = await world.session("ada")
    with pytest.raises(InvalidInput):
        await grant_workstation(world.s, ada.actor, node, "10.0.0.7", now=world.now)


async def test_revoking_what_is_not_there_is_not_found(world: World) -> None:
    ada = await world.session("ada")
    with pytest.raises(NotFound):
        await revoke_workstation(world.s, ada.actor, NODE, WORKSTATION, now=world.now)


@pytest.mark.rule(1)
async def test_revoking_ends_the_grants_that_no_entry_covers_any_more(world: World) -> None:
    consent, ada = await world.consent(), await world.session("ada")
    uncovered, covered = await world.session("olga"), await world.session("oscar", "10.0.0.8")
    await world.enter(uncovered, consent)
    await world.enter(covered, consent)
    await grant_workstation(world.s, ada.actor, NODE, "10.0.0.8", now=world.now)
    await revoke_workstation(world.s, ada.actor, NODE, "10.0.0.0/24", now=world.now)
    (fact,) = world.facts_of(GrantEnded)
    assert (fact.grant.operator, fact.code) == ("olga", EndCode.WORKSTATION_REVOKED)
    assert world.registry.ended == [], "oscar has the console open still"
    assert len(world.facts_of(SafelistChanged)) == 2
    record = (await world.audit())[-1]
    assert (record.action, record.facts["grants_ended"]) == ("workstation.revoke", 1)


async def test_another_nodes_safelist_ends_nothing_here(world: World) -> None:
    consent, ada = await world.consent(), await world.session("ada")
    await world.enter(await world.session("olga"), consent)
    await grant_workstation(world.s, ada.actor, "AzS-ERCS02", "10.0.0.0/24", now=world.now)
    await revoke_workstation(world.s, ada.actor, "AzS-ERCS02", "10.0.0.0/24", now=world.now)
    assert world.facts_of(GrantEnded) == []
