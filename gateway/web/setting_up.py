"""Where a set-up link leads: the secret arrives once, then a password and a code are chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import segno
from aiohttp import web

from gateway.actions.set_up import Invitation, finish_setup, look_up_setup_link
from gateway.edge import SERVICES, client_address, read_form
from gateway.errors import InvalidInput, NotFound
from gateway.policy.facts import Role
from gateway.web.flash import drop_cookie, see_other, set_cookie
from gateway.web.rendering import render
from gateway.web.shown import ROLE_NAMES, sentence
from gateway.web.sign_in import one_time_code

COOKIE: Final = "__Host-eva-set-up"
MAX_AGE: Final = 30 * 60  # seconds to finish in

DEAD_LINK: Final = "This link does not work any more. Ask an administrator for a new one."

# NIST SP 800-63B-4 §3.1.1.2: 15 where the password is the only factor.
PASSWORD_LENGTHS: Final = {Role.TENANT: 15, Role.CLOUDADMIN: 12, Role.ADMIN: 12}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/set-up", show),
        web.post("/set-up", take_secret),
        web.get("/set-up/account", show_account),
        web.post("/set-up/account", finish),
    ]


@dataclass(frozen=True, slots=True)
class Account:
    """Whose set-up this is, in words."""

    name: str
    introduction: str
    password_heading: str
    password_length: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The one-time-code secret, as a picture and in groups of four."""

    picture: str = field(repr=False)
    secret: str = field(repr=False)


async def show(request: web.Request) -> web.Response:
    return await _landing(request)


async def take_secret(request: web.Request) -> web.Response:
    """The secret goes on in a cookie, so that the next page can be reloaded."""
    secret = (await read_form(request)).get("secret", "").strip().removeprefix("#")
    try:
        await _look_up(request, secret)
    except NotFound:
        return await _landing(request, DEAD_LINK)
    response = see_other(request, "/set-up/account")
    set_cookie(response, COOKIE, secret, max_age=MAX_AGE)
    return response


async def show_account(request: web.Request) -> web.Response:
    try:
        invitation = await _look_up(request, request.cookies.get(COOKIE, ""))
    except NotFound:
        return await _landing(request, DEAD_LINK)
    return await _account_page(request, invitation)


async def finish(request: web.Request) -> web.Response:
    form = await read_form(request)
    secret = request.cookies.get(COOKIE, "")
    services = request.app[SERVICES]
    try:
        invitation = await _look_up(request, secret)
        if form.get("password") != form.get("again"):
            return await _account_page(request, invitation, "The two passwords differ.")
        account = await finish_setup(
            services,
            secret,
            password=form.get("password", ""),
            code=one_time_code(form),
            address=client_address(request),
            now=services.clock(),
        )
    except NotFound:
        return await _landing(request, DEAD_LINK)
    except InvalidInput as error:
        return await _account_page(request, invitation, sentence(error.reason))
    response = see_other(request, "/sign-in", f"{account.name} is set up. Sign in now.")
    drop_cookie(response, COOKIE)
    return response


async def _look_up(request: web.Request, secret: str) -> Invitation:
    services = request.app[SERVICES]
    return await look_up_setup_link(
        services, secret, address=client_address(request), now=services.clock()
    )


async def _landing(request: web.Request, problem: str | None = None) -> web.Response:
    status = HTTPStatus.NOT_FOUND if problem else HTTPStatus.OK
    return await render(request, "pages/set_up.html", status=status, problem=problem)


async def _account_page(
    request: web.Request, invitation: Invitation, problem: str | None = None
) -> web.Response:
    return await render(
        request,
        "pages/set_up_account.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        problem=problem,
        account=_account(invitation),
        enrolment=_enrolment(invitation),
    )


def _account(invitation: Invitation) -> Account:
    role = ROLE_NAMES[invitation.role]
    article = "an" if role[0] in "aeiou" else "a"
    return Account(
        name=invitation.name,
        introduction=f"Choose how you will sign in as {article} {role}. "
        "Once you finish, this link stops working.",
        password_heading="1. Choose a password" if invitation.code_uri else "Choose a password",
        password_length=PASSWORD_LENGTHS[invitation.role],
    )


def _enrolment(invitation: Invitation) -> Enrolment | None:
    if invitation.code_uri is None or invitation.code_secret is None:
        return None
    secret = invitation.code_secret
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    picture = segno.make(invitation.code_uri, error="m").svg_data_uri(scale=4, border=3)
    return Enrolment(picture, groups)
