"""Where a person approves a program that waits with a device code (RFC 8628 §3.3)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.actions.device_sign_in import (
    approve_device,
    deny_device,
    look_up_device,
    waiting_device,
)
from gateway.edge import DEVICE_PAGE, SERVICES, base_of, client_address, read_form
from gateway.errors import NotFound, NotSignedIn, Refused, Throttled
from gateway.identity.user_codes import shown_user_code
from gateway.policy.tokens import DEVICE_CODE_LIFETIME
from gateway.store import DeviceCode
from gateway.web.flash import see_other
from gateway.web.programs import KNOWN, WRONG, Shown, permissions, program_name
from gateway.web.rendering import render
from gateway.web.shown import isolated, moment, sentence
from gateway.web.sign_in import one_time_code, status_for, throttled_words

DECIDE: Final = DEVICE_PAGE + "/decision"

NO_SUCH_CODE: Final = (
    "No program waits under this code, or not any more. Compare it with what the program shows; "
    "codes last 15 minutes."
)


def routes() -> list[web.RouteDef]:
    return [
        web.get(DEVICE_PAGE, show),
        web.post(DEVICE_PAGE, ask),
        web.post(DECIDE, decide),
    ]


async def show(request: web.Request) -> web.Response:
    return await _landing(request)


async def ask(request: web.Request) -> web.Response:
    """The code in, the question out. A form, so that the code stands in no address."""
    services = request.app[SERVICES]
    typed = (await read_form(request)).get("user_code", "")
    try:
        waiting = await look_up_device(
            services,
            typed,
            audience=base_of(request),
            address=client_address(request),
            now=services.clock(),
        )
    except NotFound:
        return await _landing(request, NO_SUCH_CODE)
    return await _question(request, waiting)


async def decide(request: web.Request) -> web.Response:
    form = await read_form(request)
    try:
        if form.get("decision") == "approve":
            return await _approve(request, form)
        return await _deny(request, form)
    except NotFound:
        return await _landing(request, NO_SUCH_CODE)


async def _approve(request: web.Request, form: dict[str, str]) -> web.Response:
    services, name = request.app[SERVICES], form.get("name", "").strip()
    try:
        approved = await approve_device(
            services,
            form.get("user_code", ""),
            audience=base_of(request),
            name=name,
            password=form.get("password", ""),
            code=one_time_code(form),
            address=client_address(request),
            now=services.clock(),
        )
    except (NotSignedIn, Throttled, Refused) as error:
        waiting = await waiting_device(
            services,
            form.get("user_code", ""),
            audience=base_of(request),
            address=client_address(request),
            now=services.clock(),
        )
        return await _question(request, waiting, name, error)
    program = isolated(program_name(approved.client_id))
    text = f"{program} at {approved.address} is signed in as {name}. Go back to it."
    return see_other(request, DEVICE_PAGE, text)


async def _deny(request: web.Request, form: dict[str, str]) -> web.Response:
    services = request.app[SERVICES]
    await deny_device(
        services,
        form.get("user_code", ""),
        audience=base_of(request),
        address=client_address(request),
        now=services.clock(),
    )
    text = "The program was turned away; it may do nothing. If somebody gave you its code, tell an "
    return see_other(request, DEVICE_PAGE, text + "administrator.", "warn")


async def _landing(request: web.Request, problem: str | None = None) -> web.Response:
    status = HTTPStatus.NOT_FOUND if problem else HTTPStatus.OK
    return await render(request, "pages/device.html", status=status, problem=problem)


async def _question(
    request: web.Request,
    waiting: DeviceCode,
    name: str = "",
    error: NotSignedIn | Throttled | Refused | None = None,
) -> web.Response:
    response = await render(
        request,
        "pages/program.html",
        status=question_status(error),
        problem=question_problem(error),
        program=_shown(request, waiting),
        action=DECIDE,
        name=name,
    )
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def question_status(error: NotSignedIn | Throttled | Refused | None) -> HTTPStatus:
    return HTTPStatus.FORBIDDEN if isinstance(error, Refused) else status_for(error)


def question_problem(error: NotSignedIn | Throttled | Refused | None) -> str | None:
    """What went wrong with an approval, in words."""
    if isinstance(error, Throttled):
        return throttled_words(error)
    if isinstance(error, Refused):
        return f"{sentence(error.reason)} Nothing was approved."
    return WRONG if error else None


def _shown(request: web.Request, waiting: DeviceCode) -> Shown:
    here = client_address(request)
    return Shown(
        name=program_name(waiting.client_id),
        client_id=waiting.client_id,
        known=waiting.client_id.lower() in KNOWN,
        may=permissions(request.app[SERVICES], waiting.audience),
        where=waiting.address,
        since=moment(waiting.expires_at - DEVICE_CODE_LIFETIME),
        user_agent=waiting.user_agent,
        user_code=shown_user_code(waiting.user_code),
        elsewhere=here if here != waiting.address else None,
    )
