"""The seed's Grant- and Revoke-RdpAccessToErcsVM: a node's workstation safelist."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Workstation


async def grant_workstation(
    s: Services, actor: Actor, node: str, network: str, *, now: datetime
) -> Workstation:
    """`network`: an address or a CIDR block. Idempotent. Raises: Refused, InvalidInput."""
    raise NotImplementedError


async def revoke_workstation(
    s: Services, actor: Actor, node: str, network: str, *, now: datetime
) -> None:
    """Grants used from an address that no entry covers any more end in the same commit.

    Raises: Refused, InvalidInput, NotFound (no such entry).
    """
    raise NotImplementedError
