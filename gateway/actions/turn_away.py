"""Somebody asks for a page, or sends one of its forms, that is for people of another role."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

from gateway.actions.recording import Act, deciding
from gateway.actions.services import Services
from gateway.policy.facts import Actor
from gateway.policy.verdict import Deny

NO_SUCH_PAGE = Deny("NoSuchPage", "there is no such page", hidden=True)


async def turn_away(s: Services, actor: Actor, path: str, *, now: datetime) -> NoReturn:
    """They find nothing there, and it is recorded. Raises: NotFound."""
    async with deciding(s, actor, Act.TURN_AWAY, target=path, now=now) as d:
        d.refuse(NO_SUCH_PAGE)
    raise AssertionError("a refusal raises")
