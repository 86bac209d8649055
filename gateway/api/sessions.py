"""Console sessions: what is live now, and ending it while the consent stays."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from gateway.actions.end_session import end_session
from gateway.actions.queries import list_consents
from gateway.api import shapes
from gateway.api.bodies import query_of
from gateway.api.consents import EndQuery
from gateway.api.described import described
from gateway.api.envelope import answer, bearer, nothing
from gateway.edge import SERVICES


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/sessions", show_all),
        web.delete("/api/v1/sessions/{consent_id}", end),
    ]


@described("The live console sessions that one may see", shapes.Sessions)
async def show_all(request: web.Request) -> web.Response:
    """The live sessions of the consents that one may see."""
    session = await bearer(request)
    services = request.app[SERVICES]
    seen = await list_consents(services, session.actor, now=services.clock())
    visible = {consent.id for consent in seen}
    views = [live.view() for live in services.registry.sessions()]
    return answer({"sessions": [v.as_json() for v in views if v.consent_id in visible]})


@described("End a console session", {HTTPStatus.NO_CONTENT: None}, query=EndQuery)
async def end(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    reason = query_of(request, EndQuery).reason
    consent_id = request.match_info["consent_id"]
    await end_session(services, session.actor, consent_id, reason=reason, now=services.clock())
    return nothing()
