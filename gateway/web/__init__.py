"""EDGE: the pages. One file per page; each hands finished values to its template."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Middleware

from gateway.assets import STATIC
from gateway.web import (
    accounts,
    audit,
    authorize,
    connect,
    console,
    console_acts,
    console_events,
    device,
    endings,
    join,
    operator,
    picture,
    recovery,
    recovery_history,
    recovery_log,
    recovery_progress,
    recovery_proposals,
    safelist,
    setting_up,
    sign_in,
    sign_ins,
    step_up,
    subscriptions,
    tenant,
    wall,
)
from gateway.web.console_events import set_up_events
from gateway.web.csrf import csrf
from gateway.web.headers import add_headers
from gateway.web.once import ONCE, Once
from gateway.web.problems import problems
from gateway.web.rendering import set_up_templates

PAGES = (
    sign_in,
    device,
    authorize,
    setting_up,
    connect,
    join,
    operator,
    step_up,
    console,
    console_acts,
    console_events,
    picture,
    endings,
    tenant,
    recovery,
    recovery_history,
    recovery_log,
    recovery_proposals,
    recovery_progress,  # its paths take any id: after the words above
    wall,
    subscriptions,
    safelist,
    accounts,
    sign_ins,
    audit,
)


def routes() -> list[web.AbstractRouteDef]:
    """Every page's routes, and the static files."""
    found: list[web.AbstractRouteDef] = [route for page in PAGES for route in page.routes()]
    return [*found, web.static("/static", STATIC)]


def authority_routes() -> list[web.AbstractRouteDef]:
    """The pages on which people approve programs, for an endpoint that has no other pages."""
    return [*device.routes(), *authorize.routes(), web.static("/static", STATIC)]


def middlewares() -> list[Middleware]:
    """What `routes` need around them; the API's paths are left alone."""
    return [problems, csrf]


def set_up(app: web.Application) -> None:
    """Give `app` the templates, and every answer of it the headers of the policy."""
    set_up_templates(app)
    set_up_events(app)
    app[ONCE] = Once()
    app.on_response_prepare.append(add_headers)
