"""From a template and finished values to a page: the frame that every page shares."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp_jinja2
import jinja2
from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.turn_away import turn_away
from gateway.assets import TEMPLATES
from gateway.edge import SERVICES, session_of
from gateway.errors import NotSignedIn
from gateway.policy.facts import Role
from gateway.web.csrf import form_token
from gateway.web.flash import COOKIE, drop_cookie, said
from gateway.web.shown import ROLE_NAMES, moment

HOME: Final = {Role.CLOUDADMIN: "/operator", Role.ADMIN: "/admin", Role.TENANT: "/tenant"}

_OWN: Final = ("/sign-ins", "Your sign-ins")
_RECOVERIES: Final = ("/recoveries", "Recoveries")
NAVIGATION: Final = {
    Role.CLOUDADMIN: (("/operator", "Queue"), _RECOVERIES, _OWN),
    Role.TENANT: (("/tenant", "Machines"), _RECOVERIES, _OWN),
    Role.ADMIN: (
        ("/admin", "Live"),
        _RECOVERIES,
        ("/admin/subscriptions", "Subscriptions"),
        ("/admin/safelist", "Workstations"),
        ("/admin/accounts", "Accounts"),
        ("/sign-ins", "Sign-ins"),
        ("/admin/audit", "Audit log"),
    ),
}

REFRESH_HEADER: Final = "X-Refresh"


@dataclass(frozen=True, slots=True)
class NavigationItem:
    href: str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class Me:
    """Who is signed in, for the header."""

    name: str
    role: str
    home: str
    nav: tuple[NavigationItem, ...]


def set_up_templates(app: web.Application) -> None:
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        # A value that a page forgot is a fault to be seen, never a blank.
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


async def render(
    request: web.Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: Any
) -> web.Response:
    """A page of `template` with `values` inside the common frame."""
    frame = {
        "me": await _me(request),
        "form_token": await form_token(request),
        "said": said(request),
        "node": request.app[SERVICES].node,
        "made_at": moment(request.app[SERVICES].clock()),
    }
    context = {**frame, **values}
    response = aiohttp_jinja2.render_template(template, request, context, status=status)
    if COOKIE in request.cookies:
        drop_cookie(response, COOKIE)
    return response


async def page_session(request: web.Request, *roles: Role) -> Session:
    """The session behind a page for people of `roles`; everybody else finds nothing there.

    Raises: NotSignedIn, NotFound.
    """
    # A page that refreshes itself has nobody at the keyboard.
    session = await session_of(request, touch=REFRESH_HEADER not in request.headers)
    if roles and session.actor.role not in roles:
        services = request.app[SERVICES]
        await turn_away(services, session.actor, request.path, now=services.clock())
    return session


async def _me(request: web.Request) -> Me | None:
    try:
        actor = (await session_of(request)).actor
    except NotSignedIn:
        return None
    items = tuple(
        NavigationItem(href, label, current=request.path == href)
        for href, label in NAVIGATION[actor.role]
    )
    return Me(actor.name, ROLE_NAMES[actor.role], HOME[actor.role], items)
