"""What every request to the API goes through: bearer tokens in, errors out as JSON.

The envelope is Azure Resource Manager's: `{"error": {"code", "message"}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.actions.authenticate import Session
from gateway.edge import session_of, status_of
from gateway.errors import GatewayError, NotSignedIn, Throttled

log = structlog.get_logger(__name__)

PREFIX: Final = "/api/"

# What aiohttp itself says no to, in our words.
_MESSAGES: Final = {
    HTTPStatus.NOT_FOUND: ("NotFound", "there is no such resource in this API"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("MethodNotAllowed", "this resource does not take that method"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "UnsupportedMediaType",
        "the body must be of the type application/json",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("InvalidInput", "body: it is too large"),
}


@web.middleware
async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors of API requests as JSON, and keep every answer out of caches."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    response = await _answer(request, handler)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        # A form of a foreign page can send text, but no JSON, without being asked first (CORS).
        if request.body_exists and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        return await handler(request)
    except GatewayError as error:
        return _refusal(error)
    except web.HTTPException as error:
        status = HTTPStatus(error.status)
        code, message = _MESSAGES.get(status, (status.phrase.replace(" ", ""), status.phrase))
        allow = error.headers.get("Allow")
        return failure(status, code, message, {"Allow": allow} if allow else {})
    except Exception:
        # The edge is the one place that can act on a fault of ours: log it, and say so.
        log.exception("api.failed", method=request.method, route=_route(request))
        return failure(
            HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", "the gateway failed; see its log"
        )


def _refusal(error: GatewayError) -> web.Response:
    headers: dict[str, str] = {}
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="eva-gateway"'  # RFC 6750 §3
    return failure(status_of(error), error.code, str(error), headers)


def failure(
    status: HTTPStatus, code: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    """An error in the envelope."""
    body = {"error": {"code": code, "message": message}}
    return web.json_response(body, status=status, headers=headers)


def answer(body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """An answer that went well."""
    return web.json_response(body, status=status)


def nothing() -> web.Response:
    """It is done, and there is nothing to say about it."""
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def bearer(request: web.Request) -> Session:
    """Whose request this is. Raises: NotSignedIn.

    A cookie counts for nothing here: the API needs no protection against forged requests because
    no browser adds a bearer token by itself.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("this needs a bearer token")
    return await session_of(request)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
