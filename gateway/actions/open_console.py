"""The seed's ConnectTo-TenantVm: an operator proves again who they are and gets a grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.authenticate import Session
from gateway.actions.services import Services
from gateway.policy.facts import Consent, Grant

if TYPE_CHECKING:
    from gateway.store.sign_ins import SignIn


@dataclass(frozen=True, slots=True)
class Opened:
    """A grant; `secret` replaces the cookie or token of the sign-in, whose old one is dead."""

    grant: Grant
    consent: Consent
    sign_in: SignIn
    secret: str = field(repr=False)


async def open_console(
    s: Services,
    session: Session,
    *,
    consent_id: str,
    password: str,
    code: str | None,
    now: datetime,
) -> Opened:
    """Step up and draw a grant from the consent; the first connection follows within 60 s.

    Raises: Refused, NotFound, NotSignedIn (the step-up failed; the sign-in stays), Throttled.
    """
    raise NotImplementedError
