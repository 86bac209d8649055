"""Who types: asking for control of a console, and handing it on."""

from __future__ import annotations

from datetime import datetime

from gateway.actions.authenticate import Session
from gateway.actions.finding import visible_consent
from gateway.actions.recording import Act, Decision, deciding
from gateway.actions.services import Services
from gateway.consoles.session import ConsoleSession
from gateway.errors import Conflict
from gateway.policy.consoles import NOT_IN_CONTROL, NOT_RUNNING, ONLY_WATCHING, may_type


async def ask_control(s: Services, session: Session, consent_id: str, *, now: datetime) -> bool:
    """Ask for control with the viewer opened last; True if it was given at once.

    Raises: Refused, NotFound.
    """
    async with deciding(s, session.actor, Act.ASK_CONTROL, target=consent_id, now=now) as d:
        console = await _console(s, d, session, consent_id)
        own = _own_viewers(console, session)
        if not own:
            d.refuse(ONLY_WATCHING)
        async with d.unit():
            d.note(participant=own[-1])
        return console.ask_control(own[-1])


async def give_control(
    s: Services, session: Session, consent_id: str, participant_id: str, *, now: datetime
) -> None:
    """Hand control, which this sign-in has, to a viewer who may type.

    Raises: Refused, NotFound, Conflict (they left, or only watch).
    """
    async with deciding(s, session.actor, Act.GIVE_CONTROL, target=consent_id, now=now) as d:
        console = await _console(s, d, session, consent_id)
        view = console.view()
        if view.controller not in _own_viewers(console, session):
            d.refuse(NOT_IN_CONTROL)
        other = next((one for one in view.participants if one.id == participant_id), None)
        if other is None or not other.may_type:
            raise Conflict("they cannot take control: they left, or they only watch")
        async with d.unit():
            d.note(participant=other.id, to=other.name)
        # Once more: somebody may have taken control while the record was written.
        if console.view().controller in _own_viewers(console, session):
            console.give_control(other.id)


async def _console(s: Services, d: Decision, session: Session, consent_id: str) -> ConsoleSession:
    """The live session, where the actor may type. Raises: Refused, NotFound."""
    async with s.store.reading() as unit:
        consent = await visible_consent(d, unit, session.actor, consent_id, s.node)
        grants = await unit.grants.for_consent(consent.id)
    d.require(may_type(session.actor, consent, grants, s.node, d.now))
    console = s.registry.get(consent.id)
    if console is None:
        d.refuse(NOT_RUNNING)
    return console


def _own_viewers(console: ConsoleSession, session: Session) -> list[str]:
    """The ids of the viewers that this sign-in has open, the one opened last at the end."""
    mine = session.actor.sign_in_id
    return [one.id for one in console.participants() if one.sign_in_id == mine]
