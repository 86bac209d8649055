"""The live console sessions, as the pages ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.actions.services import Services
from gateway.errors import Conflict, NotFound, Refused

if TYPE_CHECKING:
    from gateway.consoles.participants import Participant
    from gateway.consoles.session import ConsoleSession
    from gateway.consoles.states import SessionView
    from gateway.web.access import Access

NO_CONTROL = Refused("NotInControl", "you do not control this console")


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


def ask_control(services: Services, access: Access) -> None:
    """For the viewer opened last. Raises: Refused, NotFound."""
    own = own_participants(services, access)
    if not own or access.part != "operator":
        raise NO_CONTROL
    session_behind(services, access).ask_control(own[-1])


def give_control(services: Services, access: Access, participant_id: str) -> None:
    """Raises: Refused, where this browser does not have it; Conflict, where the other cannot."""
    session = session_behind(services, access)
    if session.view().controller not in own_participants(services, access):
        raise NO_CONTROL
    other = next((one for one in session.view().participants if one.id == participant_id), None)
    if other is None or not other.may_type:
        raise Conflict("they cannot take control: they left, or they only watch")
    session.give_control(participant_id)


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
