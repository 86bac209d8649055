"""Consents: the tenant's promise for one VM, and its end (the seed's Delete-TenantVMSession)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from pydantic import Field

from gateway.actions.end_consent import end_consent
from gateway.actions.queries import list_consents, list_history, see_consent
from gateway.actions.request_consent import request_consent
from gateway.actions.sign_in_and_open import consent_id_of
from gateway.api import shapes
from gateway.api.answers import of_consent
from gateway.api.bodies import Body, Query, body_of, query_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES

MAX_REASON = 1000
MAX_RESOURCE_ID = 1024


class ConsentBody(Body):
    resource_id: str = Field(max_length=MAX_RESOURCE_ID)
    reason: str = Field("", max_length=MAX_REASON)


class ConsentsQuery(Query):
    history: bool = False  # ended ones too
    limit: int = Field(100, ge=1, le=1000)


class EndQuery(Query):
    reason: str = Field("", max_length=MAX_REASON)


class EndByVmQuery(EndQuery):
    resource_id: str = Field(max_length=MAX_RESOURCE_ID)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/consents", show_all),
        web.post("/api/v1/consents", request_one),
        web.delete("/api/v1/consents", end_by_vm),
        web.get("/api/v1/consents/{consent_id}", show),
        web.delete("/api/v1/consents/{consent_id}", end),
    ]


@described("The consents that one may see", shapes.Consents, query=ConsentsQuery)
async def show_all(request: web.Request) -> web.Response:
    """The active consents that one may see; with `history`, the ended ones too."""
    session = await bearer(request)
    services = request.app[SERVICES]
    query = query_of(request, ConsentsQuery)
    now = services.clock()
    if query.history:
        found = await list_history(services, session.actor, limit=query.limit)
    else:
        found = await list_consents(services, session.actor, now=now)
    return answer({"consents": [of_consent(consent, now) for consent in found]})


@described(
    "Consent to console access for a VM",
    {HTTPStatus.CREATED: shapes.Consent, HTTPStatus.OK: shapes.Consent},
    body=ConsentBody,
)
async def request_one(request: web.Request) -> web.Response:
    """201 for a new consent, 200 for the one that is active already."""
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, ConsentBody)
    now = services.clock()
    consent = await request_consent(
        services, session.actor, resource_id=body.resource_id, reason=body.reason, now=now
    )
    status = HTTPStatus.CREATED if consent.given_at == now else HTTPStatus.OK
    return answer(of_consent(consent, now), status)


@described("One consent", shapes.Consent)
async def show(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    now = services.clock()
    consent_id = request.match_info["consent_id"]
    return answer(of_consent(await see_consent(services, session.actor, consent_id, now=now), now))


@described("End a consent", shapes.Consent, query=EndQuery)
async def end(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    reason = query_of(request, EndQuery).reason
    now = services.clock()
    consent_id = request.match_info["consent_id"]
    ended = await end_consent(services, session.actor, consent_id, reason=reason, now=now)
    return answer(of_consent(ended, now))


@described("End the consent of a VM", shapes.Consent, query=EndByVmQuery)
async def end_by_vm(request: web.Request) -> web.Response:
    session = await bearer(request)
    services = request.app[SERVICES]
    query = query_of(request, EndByVmQuery)
    now = services.clock()
    consent_id = await consent_id_of(services, session.actor, query.resource_id, now=now)
    ended = await end_consent(services, session.actor, consent_id, reason=query.reason, now=now)
    return answer(of_consent(ended, now))
