"""The tenant's page: their machines, what they allow now, and what they allowed before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode

from aiohttp import web

from gateway.actions.queries import TenantVm, list_consents, list_history, list_vms
from gateway.actions.recover import list_recoveries
from gateway.actions.request_consent import request_consent
from gateway.actions.services import Services
from gateway.edge import SERVICES, read_form
from gateway.errors import InvalidInput, NotFound
from gateway.policy.consents import consent_end
from gateway.policy.facts import CONSENT_LIFETIME, Actor, Consent, EndCode, Role
from gateway.web.flash import see_other
from gateway.web.live import view_of
from gateway.web.recovery_lines import Line, line_of
from gateway.web.rendering import page_session, render
from gateway.web.shown import (
    HOW_IT_ENDED,
    Left,
    Machine,
    Moment,
    Person,
    State,
    console_state,
    left,
    machine,
    machine_of,
    moment,
    people,
)

HISTORY = 50


def routes() -> list[web.RouteDef]:
    return [
        web.get("/tenant", show),
        web.get("/tenant/consents/new", ask),
        web.post("/tenant/consents", give),
    ]


@dataclass(frozen=True, slots=True)
class Offer:
    """A machine of the tenant's, and whether its console can be allowed now."""

    name: str
    os: str
    group: str
    node: str
    ask_href: str
    why_not: str
    recover_href: str


@dataclass(frozen=True, slots=True)
class Running:
    """An access that the tenant allows now."""

    id: str
    look: str
    vm: Machine
    state: State
    left: Left
    ends: str
    reason: str
    node: str
    people: list[Person]
    recover_href: str
    recoveries: list[Line]


@dataclass(frozen=True, slots=True)
class Past:
    """An access that has ended."""

    vm: Machine
    tenant: str
    given: Moment
    ended: Moment
    how: str
    end_reason: str
    reason: str


async def show(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    now = services.clock()
    active = await list_consents(services, actor, now=now)
    history = await list_history(services, actor, limit=HISTORY)
    return await render(
        request,
        "pages/tenant.html",
        active=[await _running(services, actor, one, now) for one in active],
        machines=[_offer(one) for one in await list_vms(services, actor, now=now)],
        history=[_past(services, one, now) for one in history if consent_end(one, now)],
    )


async def ask(request: web.Request) -> web.Response:
    await page_session(request, Role.TENANT)
    return await _form(request, request.query.get("vm", ""))


async def give(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    form = await read_form(request)
    resource_id = form.get("resource_id", "")
    reason, now = form.get("reason", "").strip(), services.clock()
    try:
        consent = await request_consent(
            services, actor, resource_id=resource_id, reason=reason, now=now
        )
    except InvalidInput as error:
        return await _form(request, resource_id, reason, f"{error.field}: {error.reason}.")
    text = (
        f"Access is allowed until {moment(consent.expires_at).clock}. "
        f"Tell the operator the node: {consent.node}."
    )
    if consent.given_at != now:
        text = f"Access was allowed already and stays as it was. {text}"
    return see_other(request, "/tenant", text)


async def _form(
    request: web.Request, resource_id: str, reason: str = "", problem: str | None = None
) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    vm = services.vm(resource_id)
    if vm is None or vm.subscription_id not in actor.subscriptions:
        raise NotFound("there is no such machine in your subscriptions")
    return await render(
        request,
        "pages/consent.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        vm=machine(vm),
        until=moment(services.clock() + CONSENT_LIFETIME),
        problem=problem,
        reason=reason,
    )


def _offer(offered: TenantVm) -> Offer:
    vm = machine(offered.vm)
    why_not = ""
    if offered.consent is not None:
        why_not = "Access is allowed now"
    elif not offered.enabled:
        why_not = "Emergency access is not enabled for this subscription. Ask an administrator."
    href = f"/tenant/consents/new?vm={quote(vm.resource_id, safe='')}"
    recover = f"/recoveries/new?{urlencode({'vm': vm.resource_id})}"
    return Offer(vm.name, vm.os, vm.group, vm.node, "" if why_not else href, why_not, recover)


async def _running(services: Services, actor: Actor, consent: Consent, now: datetime) -> Running:
    view = view_of(services, consent.id)
    state = console_state(view)
    query = urlencode({"vm": consent.resource_id, "consent": consent.id})
    recoveries = await list_recoveries(services, actor, consent_id=consent.id, limit=5, now=now)
    return Running(
        id=consent.id,
        look="" if state.kind == "live" else "running--waiting",
        vm=machine_of(consent, services.vm(consent.resource_id)),
        state=state,
        left=left(consent.expires_at, now),
        ends=moment(consent.expires_at).clock,
        reason=consent.reason,
        node=consent.node,
        people=people(view),
        recover_href=f"/recoveries/new?{query}",
        recoveries=[line_of(services, one) for one in recoveries],
    )


def _past(services: Services, consent: Consent, now: datetime) -> Past:
    code = consent_end(consent, now) or EndCode.EXPIRED
    how = HOW_IT_ENDED.get(code, "Ended")
    by = f": {consent.ended_by}" if consent.ended_by and code is not EndCode.EXPIRED else ""
    return Past(
        vm=machine_of(consent, services.vm(consent.resource_id)),
        tenant=consent.tenant,
        given=moment(consent.given_at),
        ended=moment(consent.ended_at or consent.expires_at),
        how=f"{how}{by}",
        end_reason=consent.end_reason or "",
        reason=consent.reason,
    )
