"""Where the command line's `connect` leads a browser: one secret, once, opens the console."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.actions.tickets import redeem_handoff
from gateway.edge import SERVICES, SIGN_IN_COOKIE, client_address, read_form
from gateway.errors import NotFound
from gateway.web.flash import see_other, set_cookie
from gateway.web.rendering import render

DEAD_ADDRESS: Final = (
    "This address does not work any more: it opens one console, once, within a minute, from the "
    "workstation that asked. Run the command again."
)


def routes() -> list[web.RouteDef]:
    return [web.get("/connect", show), web.post("/connect", redeem)]


async def show(request: web.Request) -> web.Response:
    return await render(request, "pages/connect.html", problem=None)


async def redeem(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    secret = (await read_form(request)).get("secret", "").strip().removeprefix("#")
    try:
        handed_over = await redeem_handoff(
            services,
            secret,
            address=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
            now=services.clock(),
        )
    except NotFound:
        return await render(
            request, "pages/connect.html", status=HTTPStatus.NOT_FOUND, problem=DEAD_ADDRESS
        )
    response = see_other(request, f"/consoles/{handed_over.consent_id}")
    set_cookie(response, SIGN_IN_COOKIE, handed_over.secret)
    return response
