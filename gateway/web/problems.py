"""Errors as pages: what happened, why, and what to do next. For scripts, the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.edge import AUTHORIZE_PAGE, SIGN_IN_COOKIE, for_programs, status_of
from gateway.errors import GatewayError, NotSignedIn, Throttled
from gateway.web.flash import drop_cookie
from gateway.web.rendering import render
from gateway.web.shown import sentence

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error page says."""

    heading: str
    what: str
    next: str
    href: str
    action: str
    status: int


_HEADINGS: Final = {
    HTTPStatus.BAD_REQUEST: ("This cannot be used", "Go back, correct it and send it again."),
    HTTPStatus.UNAUTHORIZED: ("You are not signed in", "Sign in, then try again."),
    HTTPStatus.FORBIDDEN: (
        "That is not allowed",
        "Nothing was changed. If you think you should be allowed, ask an administrator.",
    ),
    HTTPStatus.NOT_FOUND: (
        "There is nothing here",
        "It may have ended or moved, or it is not yours to see. Start again from your own page.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("That is not how this page works", "Go back and try again."),
    HTTPStatus.CONFLICT: ("That is no longer possible", "Reload the page you came from."),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "Too many attempts",
        "Wait that long, then try again. Consoles that are open go on meanwhile.",
    ),
    HTTPStatus.BAD_GATEWAY: (
        "The hypervisor cannot be reached",
        "The machine may be starting or moving. Try again in a minute.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The gateway's store is busy",
        "Nothing was changed. Consoles that are open go on. Try again in a few seconds.",
    ),
}
# A person who was sent there by a program has nothing to correct.
_ASKED_BY_A_PROGRAM: Final = (
    "The program’s request cannot be answered",
    "Nothing was approved. Start the sign-in again from the program; if this comes back, tell "
    "whoever maintains it.",
)
_FAULT: Final = (
    "The gateway failed",
    "Nothing more is known here; its log knows. Try again, then tell whoever runs the gateway.",
)
_WHAT: Final = {
    HTTPStatus.NOT_FOUND: "No page, console or link of that address is open to you.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The address exists, but not for that kind of request.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "What was sent is too large.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The gateway cannot reach its own records just now.",
}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what a page raises. What is for programs has words of its own."""
    if for_programs(request):
        return await handler(request)
    try:
        return await handler(request)
    except NotSignedIn as error:
        return await _not_signed_in(request, error)
    except GatewayError as error:
        return await _answer(request, status_of(error), error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return await _answer(request, HTTPStatus(error.status), None)
    except Exception:
        # The edge is the one place that can act on a fault of ours: log it, and say so.
        log.exception("web.failed", method=request.method)
        return await _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, None)


def wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")


async def _not_signed_in(request: web.Request, error: NotSignedIn) -> web.StreamResponse:
    if wants_json(request) or request.method != "GET" or "X-Refresh" in request.headers:
        return await _answer(request, HTTPStatus.UNAUTHORIZED, error)
    query = urlencode({"next": request.path_qs}) if request.path != "/" else ""
    response = web.Response(status=303, headers={"Location": f"/sign-in?{query}".rstrip("?")})
    if SIGN_IN_COOKIE in request.cookies:
        drop_cookie(response, SIGN_IN_COOKIE)
    return response


async def _answer(
    request: web.Request, status: HTTPStatus, error: GatewayError | None
) -> web.StreamResponse:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Throttled) else {}
    if wants_json(request):
        code = error.code if error else status.phrase.replace(" ", "")
        message = sentence(str(error)) if error else _WHAT.get(status, _FAULT[0])
        body = {"error": {"code": code, "message": message}}
        return web.json_response(body, status=status, headers=headers)
    try:
        response = await render(
            request,
            "pages/problem.html",
            status=status,
            problem=_problem(request.path, status, error),
        )
    except GatewayError:
        # The frame itself needs the store: say it in plain text instead.
        heading, advice = _HEADINGS[HTTPStatus.SERVICE_UNAVAILABLE]
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=f"{heading}. {advice}")
    response.headers.update(headers)
    return response


def _problem(path: str, status: HTTPStatus, error: GatewayError | None) -> Problem:
    heading, advice = _HEADINGS.get(status, _FAULT)
    if path == AUTHORIZE_PAGE and status == HTTPStatus.BAD_REQUEST:
        heading, advice = _ASKED_BY_A_PROGRAM
    vague = error is None or status in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE}
    what = _WHAT.get(status, "") if vague else sentence(str(error))
    return Problem(heading, what, advice, "/", "Start again", status)
