"""Who looks at a console, what they may do there, and how it ends for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Flag, StrEnum, auto
from typing import Any

from gateway.policy.facts import EndCode


class Rights(Flag):
    """What a viewer may do. Everyone who is admitted may VIEW."""

    VIEW = auto()
    TYPE = auto()


class Part(StrEnum):
    """The part that somebody plays in a console session; pages show it beside the name."""

    OPERATOR = "operator"
    TENANT = "tenant"
    ADMIN = "admin"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class Participant:
    """One viewer: one browser tab. `id` is public and unique within its console session."""

    id: str
    name: str  # a guest chose theirs: hostile text
    role: Part
    since: datetime
    account_id: str | None = None
    sign_in_id: str | None = None
    grant_id: str | None = None
    visit_id: str | None = None
    link_id: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Why, by whom and when a console session or one of its viewers ended."""

    code: EndCode
    by: str  # an account's name, or "gateway"
    reason: str
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """For pages and programs."""
        return {
            "code": self.code.value,
            "by": self.by,
            "reason": self.reason,
            "at": self.at.isoformat(),
        }
