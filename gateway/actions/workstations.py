"""The seed's Grant- and Revoke-RdpAccessToErcsVM: a node's workstation safelist."""

from __future__ import annotations

from datetime import datetime

from gateway.actions import inputs
from gateway.actions.endings import end_grant
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.bus import SafelistChanged
from gateway.consoles.participants import End
from gateway.policy.administration import may_administer
from gateway.policy.consoles import safelisted
from gateway.policy.facts import Actor, EndCode, Workstation
from gateway.policy.verdict import Deny
from gateway.store import Unit

NO_SUCH_ENTRY = Deny("NoSuchEntry", "the safelist has no such entry", hidden=True)


async def grant_workstation(
    s: Services, actor: Actor, node: str, network: str, *, now: datetime
) -> Workstation:
    """`network`: an address or a CIDR block. Idempotent. Raises: Refused, InvalidInput."""
    async with (
        deciding(s, actor, Act.GRANT_WORKSTATION, target=node, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        entry = Workstation(
            inputs.node_name(node), inputs.network(network), added_by=actor.name, added_at=now
        )
        d.note(network=str(entry.network), new=await unit.safelist.add(entry))
        d.publish(SafelistChanged(entry.node))
        return entry


async def revoke_workstation(
    s: Services, actor: Actor, node: str, network: str, *, now: datetime
) -> None:
    """Grants used from an address that no entry covers any more end in the same commit.

    Raises: Refused, InvalidInput, NotFound (no such entry).
    """
    async with (
        deciding(s, actor, Act.REVOKE_WORKSTATION, target=node, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        block = inputs.network(network)
        d.note(network=str(block))
        node = inputs.node_name(node)
        removed = await unit.safelist.remove(node, block)
        d.found(removed or None, NO_SUCH_ENTRY)
        why = "the workstation was taken off the safelist"
        end = End(EndCode.WORKSTATION_REVOKED, actor.name, why, now)
        d.note(grants_ended=await _end_uncovered(d, unit, node, end))
        d.publish(SafelistChanged(node))


async def _end_uncovered(d: Decision, unit: Unit, node: str, end: End) -> int:
    safelist = await unit.safelist.list(node)
    uncovered = [
        grant
        for consent in await unit.consents.active(end.at, node=node)
        for grant in await unit.grants.for_consent(consent.id)
        if grant.ended_at is None and isinstance(safelisted(grant.address, node, safelist), Deny)
    ]
    for grant in uncovered:
        await end_grant(d, unit, grant, end)
    return len(uncovered)
