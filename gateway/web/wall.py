"""The administrator's wall: every live console, every access that runs, every link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.queries import list_consents, list_links
from gateway.actions.services import Services
from gateway.edge import SERVICES
from gateway.policy.facts import Consent, Role
from gateway.web.live import view_of
from gateway.web.rendering import page_session, render
from gateway.web.shown import (
    Left,
    Machine,
    Person,
    State,
    console_state,
    left,
    machine_of,
    people,
)


def routes() -> list[web.RouteDef]:
    return [web.get("/admin", show)]


@dataclass(frozen=True, slots=True)
class Link:
    """A share link that works now."""

    id: str
    label: str
    joined: str
    created_by: str
    vm: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A consent on the wall; `live` where there is a screen to look at."""

    id: str
    vm: Machine
    tenant: str
    reason: str
    left: Left
    state: State
    people: list[Person]
    node: str


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    session = await page_session(request, Role.ADMIN)
    now = services.clock()
    consents = await list_consents(services, session.actor, now=now)
    live = [one for one in consents if _is_live(services, one)]
    return await render(
        request,
        "pages/admin/wall.html",
        tiles=[_tile(services, one, now) for one in live],
        idle=[_tile(services, one, now) for one in consents if one not in live],
        links=[link for one in consents for link in await _links(services, session, one, now)],
    )


def _is_live(services: Services, consent: Consent) -> bool:
    view = view_of(services, consent.id)
    return view is not None and view.state.name != "ended"


def _tile(services: Services, consent: Consent, now: datetime) -> Tile:
    view = view_of(services, consent.id)
    return Tile(
        id=consent.id,
        vm=machine_of(consent, services.vm(consent.resource_id)),
        tenant=consent.tenant,
        reason=consent.reason,
        left=left(consent.expires_at, now),
        state=console_state(view),
        people=people(view),
        node=consent.node,
    )


async def _links(
    services: Services, session: Session, consent: Consent, now: datetime
) -> list[Link]:
    found = await list_links(services, session.actor, consent.id, now=now)
    vm = machine_of(consent, services.vm(consent.resource_id))
    return [
        Link(link.id, link.label, f"{joined} of {link.capacity}", link.created_by, vm.name)
        for link, joined in found
    ]
