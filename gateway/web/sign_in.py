"""Signing in and out."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

from aiohttp import web

from gateway.actions.sign_in import sign_in, sign_out
from gateway.edge import SERVICES, SIGN_IN_COOKIE, client_address, read_form, session_of
from gateway.errors import NotSignedIn, Throttled
from gateway.web.flash import drop_cookie, see_other, set_cookie
from gateway.web.rendering import HOME, render

WRONG = "That name, password and code do not belong together. Check all three and try again."


def routes() -> list[web.RouteDef]:
    return [
        web.get("/", start),
        web.get("/sign-in", show),
        web.post("/sign-in", submit),
        web.post("/sign-out", leave),
    ]


async def start(request: web.Request) -> web.Response:
    return see_other(request, HOME[(await session_of(request)).actor.role])


async def show(request: web.Request) -> web.Response:
    try:
        session = await session_of(request)
    except NotSignedIn:
        return await _form(request, next_page=request.query.get("next", ""))
    return see_other(request, HOME[session.actor.role])


async def submit(request: web.Request) -> web.Response:
    form = await read_form(request)
    services = request.app[SERVICES]
    try:
        signed_in = await sign_in(
            services,
            name=form.get("name", "").strip(),
            password=form.get("password", ""),
            code=one_time_code(form),
            address=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
            kind="browser",
            now=services.clock(),
            replaces=request.cookies.get(SIGN_IN_COOKIE),
        )
    except (NotSignedIn, Throttled) as error:
        return await _form(request, form.get("next", ""), form.get("name", ""), error)
    response = see_other(request, local(form.get("next", "")) or HOME[signed_in.actor.role])
    set_cookie(response, SIGN_IN_COOKIE, signed_in.secret)
    return response


async def leave(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    with suppress(NotSignedIn):  # it ended by itself meanwhile: the same page, the same words
        await sign_out(services, await session_of(request), now=services.clock())
    response = see_other(request, "/sign-in", "You are signed out.")
    drop_cookie(response, SIGN_IN_COOKIE)
    return response


def one_time_code(form: dict[str, str]) -> str | None:
    """The digits; people type the gap that authenticators show."""
    return form.get("code", "").replace(" ", "") or None


def local(path: str) -> str:
    """`path` if it leads to a page of ours, else nothing: no open redirect."""
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if ours else ""


async def _form(
    request: web.Request,
    next_page: str = "",
    name: str = "",
    error: NotSignedIn | Throttled | None = None,
) -> web.Response:
    problem = throttled_words(error) if isinstance(error, Throttled) else WRONG if error else None
    response = await render(
        request,
        "pages/sign_in.html",
        status=status_for(error),
        problem=problem,
        next=local(next_page),
        name=name,
    )
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def throttled_words(error: Throttled) -> str:
    return (
        f"Too many attempts. Wait {error.retry_after} s, then try again. "
        "Consoles that are open go on meanwhile."
    )


def status_for(error: NotSignedIn | Throttled | None) -> HTTPStatus:
    if error is None:
        return HTTPStatus.OK
    throttled = isinstance(error, Throttled)
    return HTTPStatus.TOO_MANY_REQUESTS if throttled else HTTPStatus.UNAUTHORIZED
