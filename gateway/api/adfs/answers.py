"""How the authority answers: tokens (RFC 6749 §5.1), and errors (§5.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web

from gateway.actions.services import Services
from gateway.actions.tokens import Issued
from gateway.errors import (
    GatewayError,
    InvalidInput,
    NotFound,
    Refused,
    StoreUnavailable,
    Throttled,
)
from gateway.identity.directory import object_id, tenant_id

log = structlog.get_logger(__name__)

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.Response]]

NEVER_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749 §5.1


def authority_of(base: str) -> str:
    """The issuer of the id tokens of the endpoint with that public base."""
    return f"{base}/adfs"


def token_answer(services: Services, issued: Issued, *, now: datetime, openid: bool) -> Json:
    """Fresh tokens. `expires_in` is whole seconds, rounded down."""
    body: Json = {
        "token_type": "Bearer",
        "expires_in": int((issued.access_ends - now).total_seconds()),
        "access_token": issued.access,
        "resource": issued.audience,
    }
    if issued.refresh is not None:
        left = issued.sign_in.expires_at - now
        body["refresh_token"] = issued.refresh
        body["refresh_token_expires_in"] = int(left.total_seconds())
    if openid:
        body["id_token"] = services.identity.id_tokens.sign(_claims(services, issued, now))
    return body


def _claims(services: Services, issued: Issued, now: datetime) -> Json:
    """OpenID Connect Core §2; `oid`, `tid` and `upn` are what Azure's clients look for."""
    account = issued.account
    nonce = {"nonce": issued.nonce} if issued.nonce else {}
    return nonce | {
        "iss": authority_of(issued.audience),
        "aud": issued.client_id,
        "sub": object_id(account.id),
        "oid": object_id(account.id),
        "tid": tenant_id(services.public_base),
        "upn": account.name,
        "preferred_username": account.name,
        "name": account.name,
        "iat": int(now.timestamp()),
        "exp": int(issued.access_ends.timestamp()),
        "auth_time": int(issued.sign_in.created_at.timestamp()),
    }


def told_in_oauth(handler: Handler) -> Handler:
    """Let `handler` answer its errors as OAuth does, and keep every answer out of caches."""

    @wraps(handler)
    async def answered(request: web.Request) -> web.Response:
        try:
            response = await handler(request)
        except GatewayError as error:
            response = _refusal(request, error)
        except Exception:
            # The edge is the one place that can act on a fault of ours: log it, and say so.
            log.exception("adfs.failed", method=request.method)
            why = "the gateway failed; see its log"
            response = _failure(HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", why)
        response.headers.update(NEVER_KEPT)
        return response

    return answered


def _refusal(request: web.Request, error: GatewayError) -> web.Response:
    if isinstance(error, Throttled):
        retry = {"Retry-After": str(error.retry_after)}
        status = HTTPStatus.TOO_MANY_REQUESTS
        return _failure(status, "temporarily_unavailable", str(error), retry)
    if isinstance(error, StoreUnavailable):
        why = "the gateway cannot reach its own records just now"
        return _failure(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", why)
    if isinstance(error, Refused) and error.code == "invalid_client":
        # RFC 6749 §5.2: who used this header is told that it is known here.
        basic = "Authorization" in request.headers
        realm = {"WWW-Authenticate": 'Basic realm="adfs"'} if basic else {}
        return _failure(HTTPStatus.UNAUTHORIZED, error.code, error.reason, realm)
    if isinstance(error, Refused):
        return _failure(HTTPStatus.BAD_REQUEST, error.code, error.reason)
    if isinstance(error, InvalidInput):
        return _failure(HTTPStatus.BAD_REQUEST, "invalid_request", str(error))
    assert isinstance(error, NotFound), "the authority raises nothing else"
    return _failure(HTTPStatus.BAD_REQUEST, "invalid_tenant", str(error))


def _failure(
    status: HTTPStatus, error: str, description: str, headers: dict[str, str] | None = None
) -> web.Response:
    body = {"error": error, "error_description": description}
    return web.json_response(body, status=status, headers=headers)
