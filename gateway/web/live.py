"""The live console sessions, as the pages ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.actions.services import Services
from gateway.errors import NotFound

if TYPE_CHECKING:
    from gateway.consoles.participants import Participant
    from gateway.consoles.session import ConsoleSession
    from gateway.consoles.states import SessionView
    from gateway.web.access import Access


def live_session(services: Services, consent_id: str) -> ConsoleSession | None:
    """The live session, or None."""
    return services.registry.get(consent_id)


def view_of(services: Services, consent_id: str) -> SessionView | None:
    """What the consent's console session is doing, or None while there is none."""
    session = live_session(services, consent_id)
    return session.view() if session is not None else None


def own_participants(services: Services, access: Access) -> list[str]:
    """The public ids of the viewers that this very browser has open."""
    session = live_session(services, access.consent.id)
    if session is None:
        return []
    return [one.id for one in session.participants() if _is_own(one, access)]


def session_behind(services: Services, access: Access) -> ConsoleSession:
    """Raises: NotFound."""
    session = live_session(services, access.consent.id)
    if session is None:
        raise NotFound("nobody has this console open")
    return session


def _is_own(participant: Participant, access: Access) -> bool:
    if access.session is not None:
        return participant.sign_in_id == access.session.actor.sign_in_id
    return access.visit is not None and participant.visit_id == access.visit.id
