"""One-use secrets: a ticket enters the viewer's stream, a hand-off moves a grant to a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.authenticate import Session
from gateway.actions.services import Services
from gateway.policy.facts import Actor, Grant

if TYPE_CHECKING:
    from gateway.store.sign_ins import SignIn


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A browser sign-in that carries the grant; `secret` is its cookie."""

    secret: str = field(repr=False)
    sign_in: SignIn
    actor: Actor
    grant: Grant
    consent_id: str


async def issue_ticket(s: Services, session: Session, *, consent_id: str, now: datetime) -> str:
    """The secret of a ticket for the stream: one use, 60 s, bound to this grant and address.

    Raises: Refused (`StepUpStale`: show the step-up page), NotFound.
    """
    raise NotImplementedError


async def issue_handoff(s: Services, session: Session, *, consent_id: str, now: datetime) -> str:
    """The secret for the page `{public_base}/connect#{secret}`: one use, 60 s, this address.

    Raises: as `issue_ticket`.
    """
    raise NotImplementedError


async def redeem_handoff(
    s: Services, secret: str, *, address: str, user_agent: str, now: datetime
) -> HandedOver:
    """A browser sign-in for the operator who stepped up, bearing the grant.

    Raises: NotFound (unknown, used, expired, other address: one answer), Refused, Throttled.
    """
    raise NotImplementedError
