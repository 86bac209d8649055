"""An operator proposes a recovery; the tenant approves it, with a secret of their own, or not."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from gateway.actions.queries import see_consent
from gateway.actions.recover import (
    RecoveryView,
    approve_proposal,
    decline_proposal,
    propose_recovery,
    see_recovery,
)
from gateway.actions.services import Services
from gateway.edge import SERVICES, read_form, read_json
from gateway.errors import Conflict, ExtensionRefused, InvalidInput, NotFound, Refused
from gateway.policy.consents import consent_end
from gateway.policy.facts import Actor, Role, Vm
from gateway.policy.recovery import NOT_PROPOSED
from gateway.web.flash import see_other
from gateway.web.problems import wants_json
from gateway.web.recovery import own_vm, problem_of
from gateway.web.recovery_confirm import Ask, Given, ask_for, check_twice, confirm_page
from gateway.web.recovery_lines import Link
from gateway.web.recovery_words import not_offered, offer_of, offers_for
from gateway.web.rendering import page_session, render
from gateway.web.shown import machine, sentence


def routes() -> list[web.RouteDef]:
    return [
        web.get("/consents/{consent_id}/propose", ask),
        web.post("/consents/{consent_id}/propose", propose),
        web.get("/recoveries/{action_id}/approve", consider),
        web.post("/recoveries/{action_id}/approve", approve),
        web.post("/recoveries/{action_id}/decline", decline),
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be proposed."""

    kind: str
    label: str
    what: str
    chosen: bool


async def ask(request: web.Request) -> web.Response:
    return await _form(request)


async def propose(request: web.Request) -> web.Response:
    """From the page above, or as JSON from the console, which stays open."""
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.CLOUDADMIN)).actor
    kind, note = await _proposed(request)
    try:
        proposal = await propose_recovery(
            services,
            actor,
            consent_id=request.match_info["consent_id"],
            kind=kind,
            note=note,
            now=services.clock(),
        )
    except (InvalidInput, Conflict) as error:
        if wants_json(request):
            raise
        return await _form(request, kind, note, sentence(str(error)))
    if wants_json(request):
        return web.json_response({"id": proposal.id}, status=HTTPStatus.CREATED)
    text = "It is proposed. The tenant decides; this page says what they did."
    return see_other(request, f"/recoveries/{proposal.id}", text)


async def consider(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    view, vm = await _proposal(services, actor, request)
    if not view.may_decide:
        return see_other(request, f"/recoveries/{view.action.id}")
    return await confirm_page(request, vm, _ask(vm, view, Given()))


async def approve(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    form = await read_form(request)
    given, action_id = Given.of(form), request.match_info["action_id"]
    try:
        check_twice(form)
        action = await approve_proposal(
            services,
            actor,
            action_id,
            user=given.user,
            password=given.password,
            ssh_key=given.ssh_key,
            disk_name=given.disk_name,
            now=services.clock(),
        )
    except Refused as error:
        if error.code != NOT_PROPOSED.code:
            raise
        # Sent twice, or decided elsewhere meanwhile: how it stands now is the answer.
        return see_other(request, f"/recoveries/{action_id}")
    except (InvalidInput, ExtensionRefused) as error:
        view, vm = await _proposal(services, actor, request)
        return await confirm_page(request, vm, _ask(vm, view, given), problem_of(error))
    return see_other(request, f"/recoveries/{action.id}")


async def decline(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.TENANT)).actor
    action_id = request.match_info["action_id"]
    reason = (await read_form(request)).get("reason", "")
    action = await decline_proposal(services, actor, action_id, reason=reason, now=services.clock())
    return see_other(
        request, f"/recoveries/{action.id}", "You declined. Nothing was sent to the guest."
    )


async def _form(
    request: web.Request, kind: str = "", note: str = "", problem: str | None = None
) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.CLOUDADMIN)).actor
    consent_id = request.match_info["consent_id"]
    consent = await see_consent(services, actor, consent_id, now=services.clock())
    if consent_end(consent, services.clock()) is not None:
        return see_other(request, "/operator", "That access has ended already.", "warn")
    vm = services.vm(consent.resource_id)
    if vm is None:
        raise NotFound("the machine was deleted or moved")
    return await render(
        request,
        "pages/recovery_propose.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        vm=machine(vm),
        tenant=consent.tenant,
        choices=[
            Choice(offer.kind, offer.label, offer.what, offer.kind == kind)
            for offer in offers_for(vm.os)
        ],
        not_offered=not_offered(vm.os),
        note=note,
        problem=problem,
        action=f"/consents/{consent.id}/propose",
        back=Link("/operator", "Cancel"),
    )


async def _proposed(request: web.Request) -> tuple[str, str]:
    """The kind and the note. Raises: InvalidInput."""
    if not wants_json(request):
        form = await read_form(request)
        return form.get("kind", ""), form.get("note", "").strip()
    body = await read_json(request)
    kind, note = body.get("kind", ""), body.get("note", "")
    if not isinstance(kind, str) or not isinstance(note, str):
        raise InvalidInput("kind", "kind and note are texts")
    return kind, note.strip()


async def _proposal(
    services: Services, actor: Actor, request: web.Request
) -> tuple[RecoveryView, Vm]:
    """Raises: NotFound."""
    action_id = request.match_info["action_id"]
    view = await see_recovery(services, actor, action_id, now=services.clock())
    return view, own_vm(services, actor, view.action.resource_id)


def _ask(vm: Vm, view: RecoveryView, given: Given) -> Ask:
    href = f"/recoveries/{view.action.id}"
    offer = offer_of(vm.os, view.action.kind)
    if offer is None:
        raise NotFound("that cannot be done in this machine")
    return ask_for(
        vm,
        offer,
        action=f"{href}/approve",
        cancel=f"/consoles/{view.action.consent_id}",
        given=given,
        proposed_by=view.action.requested_by,
        note=view.action.note,
        decline=f"{href}/decline",
    )
