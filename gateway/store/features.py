"""The global state of each feature; a feature that nobody ever set has no row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.policy.facts import FeatureState
from gateway.store.schema import features

EMERGENCY_VM_ACCESS = "Microsoft.Compute.EmergencyVMAccess"


class Features:
    """The features of one unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def state(self, name: str = EMERGENCY_VM_ACCESS) -> FeatureState:
        """Return a feature's state; unless it was set, each subscription's own decides."""
        row = select(features.c.state).where(features.c.name == name)
        found = (await self._connection.execute(row)).scalar_one_or_none()
        return FeatureState(found or FeatureState.TENANT_SUBSCRIPTION_LEVEL)

    async def set_state(
        self, state: FeatureState, now: datetime, name: str = EMERGENCY_VM_ACCESS
    ) -> None:
        values = {"state": state.value, "changed_at": now}
        row = update(features).where(features.c.name == name).values(values)
        if (await self._connection.execute(row)).rowcount == 0:
            await self._connection.execute(insert(features).values(name=name, **values))
