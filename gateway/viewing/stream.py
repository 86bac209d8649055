"""GET /consoles/{consent_id}/stream: a viewer's WebSocket, from its gates to its close code.

The gates, in order: the Origin header, the upgrade, the credentials, the seat, and once more the
store before the first frame. Somebody is registered before the second gate, so that a revocation
finds them wherever they are. Whoever is refused after the upgrade learns why from the close code;
a browser tells its page nothing about a refused handshake.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog
from aiohttp import hdrs, web
from yarl import URL

from gateway.actions.admit import Admission, Credentials, TicketSecret, VisitSecret, admit
from gateway.consoles.participants import Participant, Rights
from gateway.consoles.registry import Registry
from gateway.consoles.session import ConsoleSession
from gateway.edge import SERVICES, VISIT_COOKIE, client_address, session_of
from gateway.errors import (
    GatewayError,
    NotFound,
    NotSignedIn,
    Refused,
    StoreUnavailable,
    Throttled,
)
from gateway.viewing.closing import CloseCode, clipped
from gateway.viewing.socket import Socket

log = structlog.get_logger(__name__)

Admit = Callable[[web.Request, str], Awaitable[Admission]]

MAX_TABS: Final = 8  # of one person on one console; a link for one is not a link for a crowd

_TICKET: Final = "ticket."
_TAB: Final = re.compile(r"tab\.([A-Za-z0-9_-]{8,64})")


def routes() -> list[web.RouteDef]:
    return [web.get("/consoles/{consent_id}/stream", stream)]


async def stream(request: web.Request) -> web.WebSocketResponse:
    """Serve one viewer. Raises: HTTPForbidden for a wrong Origin, HTTPBadRequest for no upgrade."""
    services = request.app[SERVICES]
    assert isinstance(services.registry, Registry)
    return await Stream(services.registry, _admitted, services.public_base).serve(request)


class Stream:
    """The viewer's WebSocket over a registry and a decision."""

    def __init__(self, registry: Registry, admit: Admit, public_base: str) -> None:
        """`public_base` is the only origin whose pages may open a stream."""
        self._registry = registry
        self._admit = admit
        self._origin = str(URL(public_base).origin())

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One viewer, from handshake to close."""
        # RFC 6455 §10.2: a browser names the page's origin; who names none is no page of ours.
        if request.headers.getall(hdrs.ORIGIN, []) != [self._origin]:
            raise web.HTTPForbidden(text="This address is for the gateway's own pages.")
        socket = Socket(request)
        response = await socket.accept(request)
        try:
            await self._enter(request, socket)
        except GatewayError as error:
            await socket.close(_close_code(error), clipped(_said(error)))
        finally:
            socket.abort()
        return response

    async def _enter(self, request: web.Request, socket: Socket) -> None:
        consent_id = request.match_info["consent_id"]
        with self._registry.arriving(consent_id) as arrival:
            admission = await self._admit(request, consent_id)
            end = arrival.identified(admission.participant)
        # Nothing is awaited between here and the viewer's seat.
        try:
            if end is not None:
                await socket.cut(end)
            else:
                session, participant = self._session(admission), _in_tab(admission, request)
                _require_room(session, participant)
                await session.attach(
                    participant,
                    admission.rights,
                    socket,
                    still_allowed=admission.still_allowed,
                )
        finally:
            await _say_left(admission)

    def _session(self, admission: Admission) -> ConsoleSession:
        """Who may type begins the session; who may only watch finds it running."""
        consent = admission.consent
        if Rights.TYPE in admission.rights:
            return self._registry.open(consent, admission.machine, admission.session_allowed)
        if session := self._registry.get(consent.id):
            return session
        raise Refused("NotRunning", "no operator has this console open")


async def _admitted(request: web.Request, consent_id: str) -> Admission:
    services = request.app[SERVICES]
    return await admit(
        services,
        consent_id=consent_id,
        credentials=await _credentials(request),
        address=client_address(request),
        now=services.clock(),
    )


async def _credentials(request: web.Request) -> Credentials:
    """A ticket before a sign-in before a visit. Raises: NotSignedIn."""
    for protocol in _protocols(request):
        if protocol.startswith(_TICKET):
            return TicketSecret(protocol.removeprefix(_TICKET))
    try:
        return await session_of(request)
    except NotSignedIn:
        if visit := request.cookies.get(VISIT_COOKIE):
            return VisitSecret(visit)
        raise


def _require_room(session: ConsoleSession, participant: Participant) -> None:
    """Raises: Refused, where the same sign-in or visit has too many viewers open."""
    others = [one for one in session.participants() if one.id != participant.id]
    if MAX_TABS <= sum(_same_browser(one, participant) for one in others):
        raise Refused("TooManyTabs", "this console is open in too many of your tabs")


def _same_browser(one: Participant, other: Participant) -> bool:
    if other.sign_in_id is not None:
        return one.sign_in_id == other.sign_in_id
    return other.visit_id is not None and one.visit_id == other.visit_id


def _in_tab(admission: Admission, request: web.Request) -> Participant:
    """Known by the name that the page gave its tab, so that the tab finds its place again."""
    for protocol in _protocols(request):
        if tab := _TAB.fullmatch(protocol):
            return replace(admission.participant, id=tab[1])
    return admission.participant


def _protocols(request: web.Request) -> list[str]:
    return [
        protocol.strip()
        for header in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
        for protocol in header.split(",")
    ]


async def _say_left(admission: Admission) -> None:
    try:
        await admission.left()
    except StoreUnavailable:
        log.warning("viewer.departure_not_noted", viewer=admission.participant.id)


def _close_code(error: GatewayError) -> CloseCode:
    match error:
        case Refused(code="NotRunning"):
            return CloseCode.UPSTREAM_GONE
        case StoreUnavailable() | Throttled() | Refused(code="Restarting"):
            return CloseCode.TRY_LATER
        case _:
            return CloseCode.NOT_ALLOWED


def _said(error: GatewayError) -> str:
    """What a page may be told: one text for what does not exist and what is not theirs."""
    return "there is no such console" if type(error) is NotFound else str(error)
