"""Consoles: opening one by step-up (the seed's ConnectTo-TenantVm), and tickets into its stream."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.authenticate import Session, authenticate
from gateway.actions.open_console import Opened, open_console
from gateway.actions.services import Services
from gateway.actions.sign_in_and_open import consent_id_of, sign_in_and_open
from gateway.actions.tickets import issue_handoff, issue_ticket
from gateway.api import shapes
from gateway.api.answers import Json, moment
from gateway.api.bodies import Body, body_of
from gateway.api.consents import MAX_RESOURCE_ID
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.api.sign_ins import MAX_SECRET, user_agent
from gateway.edge import SERVICES, client_address
from gateway.policy.consoles import RETURN_WINDOW
from gateway.policy.facts import STEP_UP_LIFETIME


class ConsoleBody(Body):
    """With `user`, one proof serves for the sign-in and the step-up, and no token is needed."""

    resource_id: str = Field(max_length=MAX_RESOURCE_ID)
    password: str = Field(max_length=MAX_SECRET)
    code: str | None = Field(None, max_length=32)
    user: str | None = Field(None, max_length=256)


def routes() -> list[web.RouteDef]:
    return [
        web.post("/api/v1/consoles", open_one),
        web.post("/api/v1/consoles/{consent_id}/tickets", enter_again),
    ]


@described("Open a console by step-up", {HTTPStatus.CREATED: shapes.Console}, body=ConsoleBody)
async def open_one(request: web.Request) -> web.Response:
    """A grant: a page for a browser, and a ticket for the stream.

    `token` replaces the one that the request bore: a step-up gives the sign-in a new secret.
    """
    services = request.app[SERVICES]
    opened = await _open(request, await body_of(request, ConsoleBody))
    session = await authenticate(
        services,
        opened.secret,
        kind="bearer",
        address=client_address(request),
        now=services.clock(),
    )
    return answer(await _ways_in(services, session, opened), HTTPStatus.CREATED)


@described("One more ticket into an open console", {HTTPStatus.CREATED: shapes.Ticket})
async def enter_again(request: web.Request) -> web.Response:
    """One more ticket, for a viewer that comes after another one left."""
    session = await bearer(request)
    services = request.app[SERVICES]
    now = services.clock()
    consent_id = request.match_info["consent_id"]
    ticket = await issue_ticket(services, session, consent_id=consent_id, now=now)
    return answer({"ticket": ticket, "consent_id": consent_id}, HTTPStatus.CREATED)


async def _open(request: web.Request, body: ConsoleBody) -> Opened:
    services = request.app[SERVICES]
    now = services.clock()
    if body.user is not None:
        return await sign_in_and_open(
            services,
            resource_id=body.resource_id,
            name=body.user,
            password=body.password,
            code=body.code,
            address=client_address(request),
            user_agent=user_agent(request),
            now=now,
        )
    session = await bearer(request)
    consent_id = await consent_id_of(services, session.actor, body.resource_id, now=now)
    return await open_console(
        services,
        session,
        consent_id=consent_id,
        password=body.password,
        code=body.code,
        now=now,
    )


async def _ways_in(services: Services, session: Session, opened: Opened) -> Json:
    consent, now = opened.consent, services.clock()
    ticket = await issue_ticket(services, session, consent_id=consent.id, now=now)
    handoff = await issue_handoff(services, session, consent_id=consent.id, now=now)
    base = services.public_base
    return {
        "page": f"{base}/connect#{handoff}",
        "stream": f"wss{base.removeprefix('https')}/consoles/{consent.id}/stream",
        "ticket": ticket,
        "token": opened.secret,
        "consent_id": consent.id,
        "grant_id": opened.grant.id,
        "resource_id": consent.resource_id,
        "node": consent.node,
        "expires_at": moment(consent.expires_at),
        "connect_within": int(STEP_UP_LIFETIME.total_seconds()),
        "return_within": int(RETURN_WINDOW.total_seconds()),
    }
