"""Where a share link leads: a name is asked for, the secret is posted once, a visit begins."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.actions.share_console import redeem_link
from gateway.edge import SERVICES, VISIT_COOKIE, client_address, read_form
from gateway.errors import GatewayError, InvalidInput, NotFound, Refused
from gateway.web.flash import drop_cookie, see_other, set_cookie
from gateway.web.rendering import render
from gateway.web.shown import sentence

DEAD_LINK: Final = "This link does not work any more."
ASK_SENDER: Final = "Ask whoever sent it for a new one."
FULL: Final = "This link is full."
ASK_FOR_ROOM: Final = "As many people joined as it was made for. Ask its sender for another link."


def routes() -> list[web.RouteDef]:
    return [
        web.get("/join", show),
        web.post("/join", redeem),
        web.post("/leave", leave),
    ]


async def show(request: web.Request) -> web.Response:
    return await _form(request, {})


async def redeem(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    form = await read_form(request)
    try:
        redeemed = await redeem_link(
            services,
            form.get("secret", "").strip().removeprefix("#"),
            name=form.get("name", ""),
            address=client_address(request),
            now=services.clock(),
        )
    except NotFound as error:
        return await _form(request, form, error, (DEAD_LINK, ASK_SENDER))
    except Refused as error:
        words = (FULL, ASK_FOR_ROOM) if error.code == "LinkFull" else (sentence(error.reason), "")
        return await _form(request, form, error, words)
    except InvalidInput as error:
        return await _form(request, form, error, (f"Your name: {error.reason}.", ""))
    response = see_other(request, f"/shared/{redeemed.visit.consent_id}")
    set_cookie(response, VISIT_COOKIE, redeemed.secret)
    return response


async def leave(request: web.Request) -> web.Response:
    response = see_other(request, "/join", "You left the shared screen.")
    drop_cookie(response, VISIT_COOKIE)
    return response


async def _form(
    request: web.Request,
    form: dict[str, str],
    error: GatewayError | None = None,
    words: tuple[str, str] = ("", ""),
) -> web.Response:
    # A mistyped name must not cost the secret, which the address bar no longer holds.
    secret = form.get("secret", "") if isinstance(error, InvalidInput) else ""
    status = HTTPStatus.OK
    if error is not None:
        missing = isinstance(error, NotFound)
        status = HTTPStatus.NOT_FOUND if missing else HTTPStatus.BAD_REQUEST
    return await render(
        request,
        "pages/join.html",
        status=status,
        problem=words[0] or None,
        advice=words[1],
        secret=secret,
        name=form.get("name", ""),
    )
