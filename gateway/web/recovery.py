"""Recovering access to a machine: the tenant chooses, reads what will happen, and starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from gateway.actions.queries import see_consent
from gateway.actions.recover import list_recoveries, start_recovery
from gateway.actions.services import Services
from gateway.edge import SERVICES, read_form
from gateway.errors import Conflict, ExtensionRefused, InvalidInput, NotFound
from gateway.policy.consents import consent_end
from gateway.policy.facts import Actor, Role, Vm
from gateway.web.flash import see_other
from gateway.web.once import FIELD, ONCE, PURPOSE
from gateway.web.recovery_confirm import Ask, Given, ask_for, check_twice, confirm_page
from gateway.web.recovery_lines import Line, Link, line_of
from gateway.web.recovery_words import Offer, is_over, not_offered, offer_of, offers_for
from gateway.web.rendering import page_session, render
from gateway.web.shown import machine, sentence

LOOKED_AT = 50

NO_AGENT = (
    "The inventory names no guest agent for this machine: nothing can be done inside it from here. "
    "Ask whoever runs the gateway, or let an operator use the console."
)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/recoveries/new", choose),
        web.get("/recoveries/confirm", confirm),
        web.post("/recoveries", start),
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be done, and where it is confirmed."""

    label: str
    what: str
    href: str


async def choose(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    vm = own_vm(services, actor, request.query.get("vm", ""))
    consent_id = await _consent_id(services, actor, vm, request.query)
    return await render(
        request,
        "pages/recovery_choose.html",
        vm=machine(vm),
        unable=_unable(services, vm),
        running=await _under_way(services, actor, vm),
        choices=[_choice(vm, offer, consent_id) for offer in offers_for(vm.os)],
        not_offered=not_offered(vm.os),
        back=way_back(consent_id),
        history_href=f"/recoveries?{urlencode({'vm': vm.resource_id})}",
        log_href=f"/recoveries/log?{urlencode({'vm': vm.resource_id})}",
    )


async def confirm(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    vm = own_vm(services, actor, request.query.get("vm", ""))
    consent_id = await _consent_id(services, actor, vm, request.query)
    offer = _offered(vm, request.query.get("kind", ""))
    return await confirm_page(request, vm, _ask(request, vm, offer, consent_id, Given()))


async def start(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    form = await read_form(request)
    vm, given = services.vm(form.get("resource_id", "")), Given.of(form)
    offer = offer_of(vm.os, form.get("kind", "")) if vm else None

    async def act() -> str:
        check_twice(form)
        begun = await start_recovery(
            services,
            actor,
            resource_id=form.get("resource_id", ""),
            kind=form.get("kind", ""),
            user=given.user,
            password=given.password,
            ssh_key=given.ssh_key,
            disk_name=given.disk_name,
            consent_id=form.get("consent") or None,
            now=services.clock(),
        )
        return f"/recoveries/{begun.id}"

    signer = services.identity.signer(PURPOSE)
    try:
        return see_other(request, await request.app[ONCE].act(signer, form.get(FIELD, ""), act))
    except (InvalidInput, ExtensionRefused, Conflict) as error:
        if vm is None or offer is None or vm.subscription_id not in actor.subscriptions:
            raise
        ask = _ask(request, vm, offer, form.get("consent", ""), given)
        return await confirm_page(request, vm, ask, problem_of(error))


def own_vm(services: Services, actor: Actor, resource_id: str) -> Vm:
    """Raises: NotFound, for another tenant's too."""
    vm = services.vm(resource_id)
    if vm is None or vm.subscription_id not in actor.subscriptions:
        raise NotFound("there is no such machine in your subscriptions")
    return vm


def problem_of(error: InvalidInput | ExtensionRefused | Conflict) -> str:
    """Why it was not started, and that nothing was."""
    words = f"{error.field}: {error.reason}" if isinstance(error, InvalidInput) else str(error)
    return f"{sentence(words)} Nothing was sent to the guest."


def way_back(consent_id: str) -> Link:
    """To the screen of a consent, where somebody came from there."""
    if consent_id:
        return Link(f"/consoles/{consent_id}", "Back to the screen")
    return Link("/tenant", "Back to your machines")


async def _consent_id(services: Services, actor: Actor, vm: Vm, query: Mapping[str, str]) -> str:
    """The consent that the address names, where it is this machine's and holds."""
    wanted = query.get("consent", "")
    if not wanted:
        return ""
    consent = await see_consent(services, actor, wanted, now=services.clock())
    ended = consent_end(consent, services.clock()) is not None
    return "" if ended or consent.vm_key != vm.key else consent.id


def _unable(services: Services, vm: Vm) -> str:
    known = services.inventory.get(vm.resource_id)
    return NO_AGENT if known is None or known.guest_agent is None else ""


async def _under_way(services: Services, actor: Actor, vm: Vm) -> list[Line]:
    found = await list_recoveries(
        services, actor, resource_id=vm.resource_id, limit=LOOKED_AT, now=services.clock()
    )
    return [line_of(services, one) for one in found if not is_over(one.action.state)]


def _choice(vm: Vm, offer: Offer, consent_id: str) -> Choice:
    query = {"vm": vm.resource_id, "kind": offer.kind, "consent": consent_id}
    kept = {name: value for name, value in query.items() if value}
    return Choice(offer.label, offer.what, f"/recoveries/confirm?{urlencode(kept)}")


def _offered(vm: Vm, kind: str) -> Offer:
    offer = offer_of(vm.os, kind)
    if offer is None:
        raise NotFound("that cannot be done in this machine")
    return offer


def _ask(request: web.Request, vm: Vm, offer: Offer, consent_id: str, given: Given) -> Ask:
    once = request.app[ONCE]
    signer = request.app[SERVICES].identity.signer(PURPOSE)
    back = {"vm": vm.resource_id, "consent": consent_id}
    return ask_for(
        vm,
        offer,
        action="/recoveries",
        cancel="/recoveries/new?" + urlencode({key: word for key, word in back.items() if word}),
        given=given,
        hidden={
            "resource_id": vm.resource_id,
            "kind": offer.kind,
            "consent": consent_id,
            FIELD: once.token(signer),
        },
    )
