"""What time and the inventory end, without anybody asking."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.services import Services


async def sweep(s: Services, now: datetime) -> None:
    """Mark what ran out as ended, one audit record each; close what was left; purge tickets."""
    raise NotImplementedError


async def end_sessions_of_missing_vms(s: Services, now: datetime) -> None:
    """After an inventory reload: end the consents of this node's VMs that are gone (VM_GONE)."""
    raise NotImplementedError
