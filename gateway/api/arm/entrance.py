"""What every Resource Manager request goes through, in this order, before its handler.

Route, count, token, body, sign-in, subscription, api-version. A cookie counts for nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.inputs import clipped
from gateway.actions.recording import noting
from gateway.actions.tokens import authenticate_token
from gateway.api.arm.authorization import check_subscription
from gateway.api.arm.envelope import (
    ArmError,
    arm_error,
    check_api_version,
    in_arm_words,
    trace_headers,
)
from gateway.api.arm.routing import ArmCall, Match, Route, RouteTable, decoded_path
from gateway.api.arm.throttle import RequestThrottle
from gateway.edge import ARM_ENDPOINT, BODY_SECONDS, SERVICES, ArmEndpoint, client_address
from gateway.errors import GatewayError, NotSignedIn

log = structlog.get_logger(__name__)

MAX_NOTED: Final = 256  # characters of a client's header in the audit log
# RFC 9110 §15.5.21 would have us say which charset; every client sends one of these.
_JSON_TYPES: Final = ("application/json", "text/json")


class Entrance:
    """Answers every request below Resource Manager's roots."""

    def __init__(self, routes: Iterable[Route], throttle: RequestThrottle | None = None) -> None:
        self.table = RouteTable(routes)
        self._throttle = throttle or RequestThrottle()

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Answer, errors included; every answer bears the ids that support asks for."""
        services, endpoint = request.app[SERVICES], request.app[ARM_ENDPOINT]
        trace = trace_headers(request, endpoint.location, services.clock())
        correlation = trace["x-ms-correlation-request-id"]
        with noting(**_client(request), correlation=correlation):
            response = await self._answer(request, correlation)
        response.headers.update(trace)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def _answer(self, request: web.Request, correlation: str) -> web.Response:
        try:
            return await self._serve(request)
        except GatewayError as error:
            return arm_error(in_arm_words(error))
        except web.HTTPException as error:
            status = HTTPStatus(error.status)
            return arm_error(ArmError(status, status.phrase.replace(" ", ""), status.phrase))
        except Exception:
            # The edge is the one place that can act on a fault of ours: log it, and say so.
            log.exception("arm.failed", method=request.method, correlation=correlation)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            why = f"The gateway failed; its log names the correlation id {correlation}."
            return arm_error(ArmError(status, "InternalServerError", why))

    async def _serve(self, request: web.Request) -> web.Response:
        services, endpoint = request.app[SERVICES], request.app[ARM_ENDPOINT]
        self._throttle.from_address(client_address(request), services.clock())
        path = decoded_path(request.rel_url.raw_path)
        match = self.table.match(request.method, path, endpoint.kind)
        is_open = match.route.audience == "open"
        token = None if is_open else _bearer(request, endpoint)
        # The body first: who sends it slowly is judged when it has come, not when it began.
        raw = b"" if is_open else await _read(request, match.route.max_body)
        session = await _session(request, endpoint, token) if token else None
        if session is not None:
            self._throttle.from_sign_in(session.sign_in.id, services.clock())
        call = _call(request, match, path, session, raw)
        if session is not None:
            await check_subscription(call)
        return await match.route.handler(call)


def _call(
    request: web.Request, match: Match, path: str, session: Session | None, raw: bytes
) -> ArmCall:
    services = request.app[SERVICES]
    return ArmCall(
        request=request,
        services=services,
        endpoint=request.app[ARM_ENDPOINT],
        route=match.route,
        params=match.params,
        path=path,
        session=session,
        api_version=check_api_version(_versions(request), bare=session is None),
        now=services.clock(),
        raw=raw,
    )


def _versions(request: web.Request) -> list[str]:
    return [value for name, value in request.query.items() if name.lower() == "api-version"]


def _client(request: web.Request) -> dict[str, str]:
    """What the client says about itself, for the audit log."""
    said = {
        "user_agent": request.headers.get("User-Agent", ""),
        "command": request.headers.get("CommandName", ""),
        "client_request": request.headers.get("x-ms-client-request-id", ""),
    }
    return {name: clipped(text, MAX_NOTED) for name, text in said.items() if text}


def _bearer(request: web.Request, endpoint: ArmEndpoint) -> str:
    """The token that was sent. Raises: ArmError."""
    header = request.headers.get("Authorization")
    if header is None:
        why = "Authentication failed. The 'Authorization' header is missing."
        raise _unauthenticated(endpoint, "AuthenticationFailed", why)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        why = "Authentication failed. The 'Authorization' header is provided in an invalid format."
        raise _unauthenticated(endpoint, "AuthenticationFailedInvalidHeader", why)
    return token.strip()


async def _session(request: web.Request, endpoint: ArmEndpoint, token: str) -> Session:
    """Whose token that is. Raises: ArmError."""
    services = request.app[SERVICES]
    try:
        return await authenticate_token(
            services,
            token,
            audience=endpoint.base,
            address=client_address(request),
            now=services.clock(),
        )
    except NotSignedIn:
        why = "The access token is invalid: it has run out, was revoked or is for another endpoint."
        raise _unauthenticated(endpoint, "InvalidAuthenticationToken", why) from None


def _unauthenticated(endpoint: ArmEndpoint, code: str, why: str) -> ArmError:
    # RFC 6750 §3, with the authority's address as Resource Manager adds it.
    challenge = (
        f'Bearer authorization_uri="{endpoint.base}/adfs", error="invalid_token", '
        f'error_description="{why}"'
    )
    return ArmError(HTTPStatus.UNAUTHORIZED, code, why, headers={"WWW-Authenticate": challenge})


async def _read(request: web.Request, most: int) -> bytes:
    """The whole body; a type counts only where there is one. Raises: ArmError."""
    if not request.can_read_body:
        return b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.clone(client_max_size=most).read()
    except TimeoutError:
        why = "The request's body did not arrive in time."
        raise ArmError(HTTPStatus.REQUEST_TIMEOUT, "RequestTimeout", why) from None
    except web.HTTPRequestEntityTooLarge:
        why = f"The request content size exceeds the maximum size of '{most}' bytes."
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise ArmError(status, "RequestContentTooLarge", why) from None
    if raw and "Content-Type" in request.headers and request.content_type not in _JSON_TYPES:
        why = "The content media type is not supported. Only 'application/json' is supported."
        raise ArmError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", why)
    return raw
