"""What the console page is told while it is open: the consent, the session, who of them it is.

Server-sent events. A page asks no more than this; what it may see is judged again all the while.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from gateway.actions.authenticate import authenticate_again
from gateway.actions.queries import consent_that_ended
from gateway.consoles.states import Reconnecting, SessionView
from gateway.edge import SERVICES
from gateway.errors import NotFound, NotSignedIn, StoreUnavailable
from gateway.policy.consents import consent_end
from gateway.policy.facts import EndCode
from gateway.web.access import Access, access_of, consent_json, no_access_json
from gateway.web.console_recoveries import ConsoleRecoveries, recoveries_of
from gateway.web.live import own_participants, view_of
from gateway.web.shown import milliseconds

LOOK_EVERY: Final = 0.25  # seconds between looks at the session
FIGURES_EVERY: Final = 4  # looks between events that only bring fresh figures and the time
JUDGE_EVERY: Final = 8  # looks between readings of the store
RETRY: Final = 2000  # milliseconds until a page whose events broke off asks again
SEND_SECONDS: Final = 20.0


CLOSING: Final = web.AppKey("closing", asyncio.Event)


def routes() -> list[web.RouteDef]:
    return [web.get("/consoles/{consent_id}/events", events)]


def set_up_events(app: web.Application) -> None:
    """Let every page's events end with `app`: a gateway that stops would wait for them."""
    closing = app[CLOSING] = asyncio.Event()

    async def close(_app: web.Application) -> None:
        closing.set()

    app.on_shutdown.append(close)


async def events(request: web.Request) -> web.StreamResponse:
    access = await access_of(request, request.match_info["consent_id"], touch=False)
    response = EventSourceResponse(send_timeout=SEND_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    await response.prepare(request)
    async with response:
        with recoveries_of(request.app[SERVICES], access) as recoveries:
            async for view in _views(request, access, recoveries):
                try:
                    await response.send(json.dumps(view), event="view", retry=RETRY)
                except (ConnectionError, TimeoutError):
                    break
    return response


async def _views(
    request: web.Request, access: Access, recoveries: ConsoleRecoveries
) -> AsyncIterator[dict[str, Any]]:
    """A view whenever it changed, and once a second; the last one tells the end."""
    closing = request.app[CLOSING]
    told, look, was_live = None, 0, False
    while not closing.is_set():
        live = _is_live(request, access)
        if look % JUDGE_EVERY == 0 or live != was_live:
            view, over = await _judged(request, access)
        else:
            view, over = _view(request, access), False
        again = look % JUDGE_EVERY == 0
        view["recoveries"] = [] if over else await recoveries.lines(again=again)
        essence = _essence(view), view["recoveries"]
        was_live = live
        if over or essence != told or look % FIGURES_EVERY == 0:
            told = essence
            yield view
        if over:
            return
        look += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await closing.wait()


def _is_live(request: web.Request, access: Access) -> bool:
    """When this changes the store is read at once: a session may end because a consent did."""
    services = request.app[SERVICES]
    expired = consent_end(access.consent, services.clock()) is not None
    return not expired and view_of(services, access.consent.id) is not None


async def _judged(request: web.Request, access: Access) -> tuple[dict[str, Any], bool]:
    """The view by what the store says now, and whether it is the last."""
    services = request.app[SERVICES]
    now = services.clock()
    try:
        fresh = await _again(request, access)
    except NotSignedIn:
        return _shut_out(access, EndCode.SIGN_IN_ENDED, now), True
    except NotFound:
        return await _guest_is_out(request, access), True
    except StoreUnavailable:
        # The stream itself fails closed at the deadline; this only tells about it.
        return _view(request, access), False
    view = _view(request, fresh)
    return view, not view["consent"]["active"]


async def _again(request: web.Request, access: Access) -> Access:
    """The same access, read again. Raises: NotSignedIn, NotFound."""
    services = request.app[SERVICES]
    if access.session is not None:
        await authenticate_again(services, access.session, now=services.clock())
    return await access_of(request, access.consent.id, touch=False)


async def _guest_is_out(request: web.Request, access: Access) -> dict[str, Any]:
    """A guest who watched until now is told who ended it and why, unless it was their link."""
    services = request.app[SERVICES]
    now = services.clock()
    if access.visit is not None:
        consent = await consent_that_ended(services, access.visit, now=now)
        if consent is not None:
            return _view(request, replace(access, consent=consent))
    return _shut_out(access, EndCode.LINK_REVOKED, now)


def _view(request: web.Request, access: Access) -> dict[str, Any]:
    services = request.app[SERVICES]
    session = view_of(services, access.consent.id)
    return {
        "now": milliseconds(services.clock()),
        "consent": consent_json(access, services.clock()),
        "session": session and _session_json(session, access),
        "you": own_participants(services, access),
    }


def _session_json(session: SessionView, access: Access) -> dict[str, Any]:
    shown = session.as_json()
    if isinstance(session.state, Reconnecting) and access.part in {"operator", "admin"}:
        shown["state"]["words"] = session.state.words
    return shown


def _shut_out(access: Access, code: EndCode, now: datetime) -> dict[str, Any]:
    ends_at = milliseconds(access.consent.expires_at)
    consent = no_access_json(code, ends_at, now.isoformat())
    return {"now": milliseconds(now), "consent": consent, "session": None, "you": []}


def _essence(view: dict[str, Any]) -> Any:
    """A view without what changes all the time."""
    session = view["session"]
    if session is None:
        return view["consent"], None, view["you"]
    people = [
        {key: value for key, value in person.items() if key not in {"rtt_ms", "fps"}}
        for person in session["participants"]
    ]
    still = {key: value for key, value in session.items() if key not in {"at", "participants"}}
    return view["consent"], still, people, view["you"]
