"""A console's picture as it is now: thumbnails of the wall, and the still view of a slow link."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.actions.queries import own_grant
from gateway.edge import SERVICES
from gateway.errors import NotFound
from gateway.policy.consents import consent_end
from gateway.web.access import access_of
from gateway.web.live import live_session

WIDTHS: Final = range(64, 1281)
DEFAULT_WIDTH: Final = 480


def routes() -> list[web.RouteDef]:
    return [web.get("/consoles/{consent_id}/thumbnail.jpg", show)]


async def show(request: web.Request) -> web.Response:
    """A JPEG. Whoever may not watch the console now finds nothing here (rule 1)."""
    services = request.app[SERVICES]
    access = await access_of(request, request.match_info["consent_id"], touch=False)
    now = services.clock()
    if consent_end(access.consent, now) is not None:
        raise NotFound("this console has ended")
    if access.part == "operator":
        assert access.session is not None
        if await own_grant(services, access.session.actor, access.consent.id, now=now) is None:
            raise NotFound("this console is not open to you")
    live = live_session(services, access.consent.id)
    if live is None:
        raise NotFound("nobody has this console open")
    picture = await live.thumbnail(_width(request))
    return web.Response(body=picture, content_type="image/jpeg")


def _width(request: web.Request) -> int:
    asked = request.query.get("width", "")
    width = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 5 else DEFAULT_WIDTH
    return min(max(width, WIDTHS.start), WIDTHS.stop - 1)
