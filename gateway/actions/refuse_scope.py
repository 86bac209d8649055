"""Somebody asks Resource Manager about a subscription that is not theirs, or not there."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

from gateway.actions.inputs import clipped
from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.policy.facts import Actor
from gateway.policy.verdict import Deny

NO_SUCH_SCOPE = Deny("NoSuchScope", "there is no such scope", hidden=True)
MAX_SCOPE = 1024


async def refuse_scope(
    s: Services, actor: Actor, *, scope: str, action: str, now: datetime
) -> NoReturn:
    """Record it: they wanted to do `action` over `scope`. Raises: NotFound."""
    target = clipped(scope, MAX_SCOPE)
    async with deciding(s, actor, Act.REFUSE_SCOPE, target=target, now=now) as d:
        d.note(wanted=action)
        d.refuse(NO_SUCH_SCOPE)
    raise AssertionError("a refusal raises")
