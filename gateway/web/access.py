"""Whose eyes are on a console's page: a signed-in person's, or a guest's; and whether they may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.queries import see_consent, see_visit
from gateway.edge import SERVICES, VISIT_COOKIE, session_of
from gateway.errors import NotFound, NotSignedIn
from gateway.policy.consents import consent_end
from gateway.policy.facts import Consent, EndCode, Role, Visit
from gateway.web.shown import milliseconds


@dataclass(frozen=True, slots=True)
class Access:
    """A consent, and who looks at it: exactly one of `session` and `visit`."""

    consent: Consent
    session: Session | None
    visit: Visit | None

    @property
    def part(self) -> str:
        """operator, tenant, admin or guest."""
        if self.session is None:
            return "guest"
        role = self.session.actor.role
        return "operator" if role is Role.CLOUDADMIN else role.value

    @property
    def name(self) -> str:
        if self.session is not None:
            return self.session.actor.name
        assert self.visit is not None
        return self.visit.name


async def access_of(request: web.Request, consent_id: str, *, touch: bool = True) -> Access:
    """Who looks, by cookie; a sign-in counts before a visit. Raises: NotSignedIn, NotFound."""
    services = request.app[SERVICES]
    try:
        session = await session_of(request, touch=touch)
    except NotSignedIn:
        if VISIT_COOKIE not in request.cookies:
            raise
        return await visit_access(request, consent_id)
    try:
        consent = await see_consent(services, session.actor, consent_id, now=services.clock())
    except NotFound:
        # A tenant of another subscription may be invited as a guest.
        return await visit_access(request, consent_id)
    return Access(consent, session, None)


async def visit_access(request: web.Request, consent_id: str) -> Access:
    """As a guest. Raises: NotFound."""
    services = request.app[SERVICES]
    secret = request.cookies.get(VISIT_COOKIE, "")
    visit, consent = await see_visit(services, secret, now=services.clock())
    if consent.id != consent_id:
        raise NotFound("this link does not work any more")
    return Access(consent, None, visit)


def consent_json(access: Access, now: Any) -> dict[str, Any]:
    """The consent as the console page's state machine takes it."""
    consent = access.consent
    code = consent_end(consent, now)
    end = None
    if code is not None:
        ended_at = consent.ended_at if consent.ended_at is not None else consent.expires_at
        end = end_json(code, consent.ended_by or "", consent.end_reason or "", ended_at.isoformat())
    return {"active": code is None, "ends_at": milliseconds(consent.expires_at), "end": end}


def no_access_json(code: EndCode, ends_at: int, at: str) -> dict[str, Any]:
    """The same, for somebody who lost their own way in."""
    return {"active": False, "ends_at": ends_at, "end": end_json(code, "", "", at)}


def end_json(code: EndCode, by: str, reason: str, at: str) -> dict[str, str]:
    return {"code": code.value, "by": by, "reason": reason, "at": at}
