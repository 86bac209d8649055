"""What the console page asks of the gateway, as JSON: tickets, control, sharing, being there."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from gateway.actions.control import ask_control, give_control
from gateway.actions.queries import list_links
from gateway.actions.share_console import share_console
from gateway.actions.tickets import issue_ticket
from gateway.edge import SERVICES, read_json, session_of
from gateway.errors import InvalidInput, Refused
from gateway.web.access import access_of
from gateway.web.live import session_behind
from gateway.web.shown import moment


def routes() -> list[web.RouteDef]:
    return [
        web.post("/consoles/{consent_id}/tickets", ticket),
        web.post("/consoles/{consent_id}/control", control),
        web.post("/consoles/{consent_id}/share", share),
        web.get("/consoles/{consent_id}/links", links),
        web.post("/consoles/{consent_id}/present", present),
    ]


async def ticket(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await session_of(request)
    secret = await issue_ticket(
        services, session, consent_id=request.match_info["consent_id"], now=services.clock()
    )
    return web.json_response({"ticket": secret})


async def control(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    consent_id = request.match_info["consent_id"]
    verb, to = _control(await read_json(request))
    if verb == "retry":
        access = await access_of(request, consent_id)
        if access.visit is not None:
            raise Refused("WatchingOnly", "a guest only watches")
        session_behind(services, access).retry()
        return web.json_response({})
    session = await session_of(request)
    if verb == "ask":
        await ask_control(services, session, consent_id, now=services.clock())
    else:
        await give_control(services, session, consent_id, to, now=services.clock())
    return web.json_response({})


def _control(body: dict[str, Any]) -> tuple[str, str]:
    """The verb, and to whom control is given. Raises: InvalidInput."""
    verb = _text(body, "verb")
    if verb not in {"ask", "give", "retry"}:
        raise InvalidInput("verb", "it is ask, give or retry")
    return verb, _text(body, "to")


async def share(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await session_of(request)
    body = await read_json(request)
    shared = await share_console(
        services,
        session.actor,
        request.match_info["consent_id"],
        label=_text(body, "label"),
        capacity=_number(body, "capacity"),
        now=services.clock(),
    )
    address = f"{services.public_base}/join#{shared.secret}"
    return web.json_response({"address": address, "id": shared.link.id}, status=HTTPStatus.CREATED)


async def links(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await session_of(request)
    found = await list_links(
        services, session.actor, request.match_info["consent_id"], now=services.clock()
    )
    return web.json_response(
        {
            "links": [
                {
                    "id": link.id,
                    "label": link.label,
                    "capacity": link.capacity,
                    "joined": joined,
                    "created_at": moment(link.created_at).iso,
                }
                for link, joined in found
            ]
        }
    )


async def present(request: web.Request) -> web.Response:
    """Somebody types into a console: that counts as using the sign-in."""
    await session_of(request)
    return web.json_response({})


def _text(body: dict[str, Any], field: str) -> str:
    value = body.get(field, "")
    if not isinstance(value, str):
        raise InvalidInput(field, "it is not a text")
    return value


def _number(body: dict[str, Any], field: str) -> int:
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput(field, "it is not a number")
    return value
