"""Sign-ins: a token for the command line, whose it is, and its end."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.queries import list_sign_ins
from gateway.actions.sign_in import end_sign_in, sign_in, sign_out
from gateway.api import shapes
from gateway.api.answers import of_account, of_sign_in
from gateway.api.bodies import Body, body_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer, nothing
from gateway.edge import SERVICES, client_address

MAX_SECRET = 1024  # longer than any password; argon2 is not asked to chew more


class SignInBody(Body):
    user: str = Field(max_length=256)
    password: str = Field(max_length=MAX_SECRET)
    code: str | None = Field(None, max_length=32)


def routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/sign-ins", create),
        web.get("/api/v1/sign-ins", show_all),
        web.get("/api/v1/sign-ins/current", show_current),
        web.delete("/api/v1/sign-ins/current", end_current),
        web.delete("/api/v1/sign-ins/{sign_in_id}", end),
    ]


def user_agent(request: web.Request) -> str:
    """What the client calls itself; hostile text."""
    return request.headers.get("User-Agent", "")[:256]


@described(
    "Sign in and get a token", {HTTPStatus.CREATED: shapes.NewSignIn}, body=SignInBody, is_open=True
)
async def create(request: web.Request) -> web.Response:
    """A token, said once."""
    services = request.app[SERVICES]
    body = await body_of(request, SignInBody)
    signed_in = await sign_in(
        services,
        name=body.user,
        password=body.password,
        code=body.code,
        address=client_address(request),
        user_agent=user_agent(request),
        kind="bearer",
        now=services.clock(),
    )
    shown = of_sign_in(signed_in.sign_in) | {"account": of_account(signed_in.account)}
    return answer(shown | {"token": signed_in.secret}, HTTPStatus.CREATED)


@described("One's own sign-ins; an admin's answer has everybody's", shapes.SignIns)
async def show_all(request: web.Request) -> web.Response:
    """One's own; an admin's answer has everybody's."""
    session = await bearer(request)
    services = request.app[SERVICES]
    views = await list_sign_ins(services, session.actor, now=services.clock())
    return answer(
        {
            "sign_ins": [
                of_sign_in(view.sign_in) | {"name": view.name, "role": view.role} for view in views
            ]
        }
    )


@described("Who asks, from where, and on which node", shapes.CurrentSignIn)
async def show_current(request: web.Request) -> web.Response:
    """Who asks, from where, and on which node."""
    session = await bearer(request)
    here = {"node": request.app[SERVICES].node, "address": client_address(request)}
    return answer(of_sign_in(session.sign_in) | {"account": of_account(session.account)} | here)


@described("Sign out", {HTTPStatus.NO_CONTENT: None})
async def end_current(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    await sign_out(services, session, now=services.clock())
    return nothing()


@described("End a sign-in", {HTTPStatus.NO_CONTENT: None})
async def end(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    sign_in_id = request.match_info["sign_in_id"]
    await end_sign_in(services, session.actor, sign_in_id, now=services.clock())
    return nothing()
