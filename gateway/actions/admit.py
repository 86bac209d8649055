"""Who may enter a console session's stream, with which rights, and whether they still may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.authenticate import Session
from gateway.actions.services import Services
from gateway.policy.facts import Consent, EndCode

if TYPE_CHECKING:
    from gateway.consoles.participants import Participant, Rights
    from gateway.inventory import Machine


@dataclass(frozen=True, slots=True)
class TicketSecret:
    """An operator's ticket, from `issue_ticket`."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VisitSecret:
    """A guest's visit cookie, from `redeem_link`."""

    secret: str = field(repr=False)


Credentials = TicketSecret | VisitSecret | Session
"""A session admits tenants and admins to watch; an operator needs a ticket."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to enter. INVARIANT: decided from committed rows, so ask again once registered.

    The caller attaches the participant first and awaits `still_allowed()` before the first frame:
    a revocation in between then either finds the viewer or is found by it.
    """

    participant: Participant
    rights: Rights
    consent: Consent
    machine: Machine
    still_allowed: Callable[[], Awaitable[EndCode | None]]
    """Why the viewer must go, or None. Re-reads everything. Raises: StoreUnavailable."""
    left: Callable[[], Awaitable[None]]
    """To be called when the viewer has left: an operator may return within two minutes."""


async def admit(
    s: Services, *, consent_id: str, credentials: Credentials, address: str, now: datetime
) -> Admission:
    """Decide whether `credentials` enter the console of that consent.

    Raises: Refused (`NotRunning`: no operator has it open), NotFound, StoreUnavailable.
    """
    raise NotImplementedError
