"""Seals anew, with the current key, what former keys sealed; then these can be thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateway.actions.recording import GATEWAY, Act
from gateway.identity.secrets import KeyRing
from gateway.store import AuditEntry, Store


async def rotate_keys(store: Store, keys: KeyRing, *, now: datetime) -> Mapping[str, int]:
    """How many values were sealed anew, by their place; all of them in one commit, or none.

    A gateway that runs with the same keys meanwhile is not disturbed.
    Raises: SettingsError where none of the keys opens a value, StoreUnavailable.
    """
    async with store.unit() as unit:
        counts = await unit.sealed.reseal(keys.reseal)
        await unit.audit.record(
            AuditEntry(
                at=now,
                actor=GATEWAY.name,
                role=GATEWAY.role,
                address=GATEWAY.address,
                action=Act.ROTATE_KEYS.value,
                target="",
                outcome="allowed",
                details={place: count for place, count in counts.items() if count},
            )
        )
    return counts
