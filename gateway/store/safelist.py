"""The workstation safelist: the networks from which operators may reach a node's consoles."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import Workstation
from gateway.store.rows import many, values_of
from gateway.store.schema import safelist


class Safelist:
    """The safelists of all nodes, in one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(self, node: str | None = None) -> tuple[Workstation, ...]:
        """Return the entries of `node`, or of every node."""
        entries = select(safelist).order_by(safelist.c.node, safelist.c.network)
        if node is not None:
            entries = entries.where(safelist.c.node == node)
        return await many(self._connection, entries, Workstation)

    async def add(self, workstation: Workstation) -> bool:
        """Add an entry: False where the node has that network already, and nothing changes."""
        entry = _entry(workstation.node, workstation.network)
        if (await self._connection.execute(select(safelist).where(*entry))).first() is not None:
            return False
        await self._connection.execute(insert(safelist).values(values_of(workstation)))
        return True

    async def remove(self, node: str, network: IPv4Network | IPv6Network) -> bool:
        """Remove an entry: False where there was none."""
        entry = _entry(node, network)
        return 0 < (await self._connection.execute(delete(safelist).where(*entry))).rowcount


def _entry(
    node: str, network: IPv4Network | IPv6Network
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return safelist.c.node == node, safelist.c.network == network
