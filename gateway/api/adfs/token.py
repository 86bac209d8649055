"""The token endpoint (RFC 6749 §3.2): one address, five kinds of grant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from aiohttp import web

from gateway.actions.authorize_program import grant_by_authorization_code
from gateway.actions.credential_grant import grant_by_credential
from gateway.actions.device_sign_in import grant_by_device_code
from gateway.actions.password_grant import grant_by_password
from gateway.actions.refresh_grant import grant_by_refresh_token
from gateway.actions.services import Services
from gateway.actions.tokens import Issued
from gateway.api.adfs.answers import token_answer, told_in_oauth
from gateway.api.adfs.discovery import TOKEN
from gateway.api.adfs.forms import Form, form_of
from gateway.edge import SERVICES
from gateway.errors import Refused

Grant = Callable[[Services, Form, datetime], Awaitable[Issued]]


def routes() -> list[web.RouteDef]:
    return [web.post(TOKEN, issue, name="adfs.token")]


@told_in_oauth
async def issue(request: web.Request) -> web.Response:
    form = await form_of(request)
    services = request.app[SERVICES]
    kind = form.need("grant_type")
    grant = GRANTS.get(kind)
    if grant is None:
        raise Refused("unsupported_grant_type", f"one of {', '.join(GRANTS)}")
    now = services.clock()
    issued = await grant(services, form, now)
    # A program that acts by itself is nobody to tell about (OpenID Connect Core §2).
    openid = form.openid and kind != "client_credentials"
    return web.json_response(token_answer(services, issued, now=now, openid=openid))


async def _by_credential(services: Services, form: Form, now: datetime) -> Issued:
    secret = form.need("client_secret")
    return await grant_by_credential(services, form.program, secret=secret, now=now)


async def _by_password(services: Services, form: Form, now: datetime) -> Issued:
    return await grant_by_password(
        services,
        form.program,
        name=form.need("username"),
        password=form.need("password"),
        refreshable=form.offline,
        now=now,
    )


async def _by_refresh_token(services: Services, form: Form, now: datetime) -> Issued:
    secret = form.need("refresh_token")
    return await grant_by_refresh_token(services, form.program, secret=secret, now=now)


async def _by_device_code(services: Services, form: Form, now: datetime) -> Issued:
    secret = form.need("device_code")
    return await grant_by_device_code(services, form.program, secret=secret, now=now)


async def _by_authorization_code(services: Services, form: Form, now: datetime) -> Issued:
    return await grant_by_authorization_code(
        services,
        form.program,
        secret=form.need("code"),
        redirect_uri=form.need("redirect_uri"),
        verifier=form.need("code_verifier"),
        refreshable=form.offline,
        now=now,
    )


GRANTS: Final[dict[str, Grant]] = {
    "client_credentials": _by_credential,
    "password": _by_password,
    "refresh_token": _by_refresh_token,
    "authorization_code": _by_authorization_code,
    "urn:ietf:params:oauth:grant-type:device_code": _by_device_code,  # RFC 8628 §3.4
    "device_code": _by_device_code,  # as AD FS's older clients spell it
}
