"""The step-up: an operator proves again who they are, for one console."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from gateway.actions.open_console import open_console
from gateway.actions.queries import see_consent
from gateway.edge import SERVICES, SIGN_IN_COOKIE, read_form
from gateway.errors import NotSignedIn, Throttled
from gateway.policy.consents import consent_end
from gateway.policy.facts import Consent, Role
from gateway.web.flash import see_other, set_cookie
from gateway.web.rendering import page_session, render
from gateway.web.shown import Left, left, machine_of, vm_name
from gateway.web.sign_in import one_time_code, status_for, throttled_words

WRONG = (
    "That password and code do not belong together, or the code was used before. "
    "Nothing was opened. Try again with the next code."
)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/consents/{consent_id}/open", show),
        web.post("/consents/{consent_id}/open", submit),
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """The consent that is about to be used."""

    id: str
    tenant: str
    reason: str
    left: Left


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request, Role.CLOUDADMIN)
    now = services.clock()
    consent = await see_consent(services, session.actor, request.match_info["consent_id"], now=now)
    if consent_end(consent, now) is not None:
        text = f"The access to {vm_name(consent)} has ended. Ask the tenant to allow it again."
        return see_other(request, "/operator", text, "warn")
    return await _form(request, consent)


async def submit(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request, Role.CLOUDADMIN)
    form = await read_form(request)
    consent_id = request.match_info["consent_id"]
    try:
        opened = await open_console(
            services,
            session,
            consent_id=consent_id,
            password=form.get("password", ""),
            code=one_time_code(form),
            now=services.clock(),
        )
    except (NotSignedIn, Throttled) as error:
        consent = await see_consent(services, session.actor, consent_id, now=services.clock())
        return await _form(request, consent, error)
    response = see_other(request, f"/consoles/{consent_id}")
    set_cookie(response, SIGN_IN_COOKIE, opened.secret)
    return response


async def _form(
    request: web.Request, consent: Consent, error: NotSignedIn | Throttled | None = None
) -> web.Response:
    services = request.app[SERVICES]
    problem = WRONG if error else None
    if isinstance(error, Throttled):
        problem = throttled_words(error)
    response = await render(
        request,
        "pages/open.html",
        status=status_for(error),
        problem=problem,
        vm=machine_of(consent, services.vm(consent.resource_id)),
        consent=Asked(
            consent.id, consent.tenant, consent.reason, left(consent.expires_at, services.clock())
        ),
    )
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = str(error.retry_after)
    return response
