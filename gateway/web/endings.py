"""Ending things: asks once, names the machine and the people; says afterwards who was cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from gateway.actions.authenticate import Session
from gateway.actions.end_consent import end_consent
from gateway.actions.end_session import end_session
from gateway.actions.queries import list_consents, list_links, see_consent
from gateway.actions.services import Services
from gateway.actions.share_console import revoke_link
from gateway.edge import SERVICES, read_form, session_of
from gateway.errors import NotFound, Refused
from gateway.policy.consents import consent_end
from gateway.policy.facts import Consent, Role, ShareLink
from gateway.web.flash import see_other
from gateway.web.live import view_of
from gateway.web.problems import wants_json
from gateway.web.rendering import HOME, page_session, render
from gateway.web.shown import Person, moment, people, vm_name


def routes() -> list[web.RouteDef]:
    return [
        web.get("/consents/{consent_id}/end", ask_consent),
        web.post("/consents/{consent_id}/end", consent),
        web.get("/consoles/{consent_id}/end", ask_session),
        web.post("/consoles/{consent_id}/end", session),
        web.get("/links/{link_id}/revoke", ask_link),
        web.post("/links/{link_id}/revoke", link),
        web.get("/admin/revoke-all", ask_all),
        web.post("/admin/revoke-all", everything),
    ]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question with one dangerous answer."""

    heading: str
    text: str
    button: str
    action: str
    cancel: str
    people: Sequence[Person] = ()
    people_label: str = "Who is cut off"
    reason_label: str = ""
    reason_hint: str = ""
    reason_required: bool = False


READ_BY_ALL = "Everyone who is cut off reads it, and it is recorded."

_VERBS = {
    Role.TENANT: ("Withdraw", "withdrawn"),
    Role.ADMIN: ("Revoke", "revoked"),
    Role.CLOUDADMIN: ("Give back", "given back"),
}


async def ask_consent(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await page_session(request)
    found = await _consent(services, who, request)
    if consent_end(found, services.clock()) is not None:
        text = f"The access to {vm_name(found)} had already ended."
        return see_other(request, HOME[who.actor.role], text, "warn")
    verb, _ = _VERBS[who.actor.role]
    return await _page(
        request,
        Ask(
            heading=f"{verb} access to {vm_name(found)}?",
            text=f"{found.tenant} allowed console access until "
            f"{moment(found.expires_at).clock}. It ends now: the screen goes blank for everyone, "
            "and nobody comes back without a new consent.",
            button=f"{verb} access",
            action=f"/consents/{found.id}/end",
            cancel=HOME[who.actor.role],
            people=people(view_of(services, found.id)),
            reason_label="Reason",
            reason_hint=READ_BY_ALL,
        ),
    )


async def consent(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await session_of(request)
    reason = (await read_form(request)).get("reason", "").strip()
    return await _end_consent(request, services, who, request.match_info["consent_id"], reason)


async def _end_consent(
    request: web.Request, services: Services, who: Session, consent_id: str, reason: str
) -> web.Response:
    cut = people(view_of(services, consent_id))
    ended = await end_consent(services, who.actor, consent_id, reason=reason, now=services.clock())
    _, done = _VERBS[who.actor.role]
    text = f"Access to {vm_name(ended)} was {done}. {_who_was_cut(cut)}"
    return see_other(request, HOME[who.actor.role], text)


async def ask_session(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await page_session(request)
    found = await _consent(services, who, request)
    return await _page(
        request,
        Ask(
            heading=f"End the console session on {vm_name(found)}?",
            text="The screen goes blank now. The access that the tenant gave stays, so an operator "
            "can open the console again until it runs out.",
            button="End session",
            action=f"/consoles/{found.id}/end",
            cancel=HOME[who.actor.role],
            people=people(view_of(services, found.id)),
            reason_label="Reason",
            reason_hint=READ_BY_ALL,
        ),
    )


async def session(request: web.Request) -> web.Response:
    """From the console page's dialog or the page above; `scope=consent` ends the consent too."""
    services, who = request.app[SERVICES], await session_of(request)
    consent_id = request.match_info["consent_id"]
    form = await read_form(request)
    reason = form.get("reason", "").strip()
    if form.get("scope") == "consent":
        return await _end_consent(request, services, who, consent_id, reason)
    cut, running = people(view_of(services, consent_id)), True
    try:
        await end_session(services, who.actor, consent_id, reason=reason, now=services.clock())
    except Refused as error:
        if error.code != "NotRunning":
            raise
        running = False
    vm = vm_name(await _consent(services, who, request))
    home = HOME[who.actor.role]
    if not running:
        return see_other(request, home, f"No console session was running on {vm}.", "warn")
    text = f"The console session on {vm} has ended. {_who_was_cut(cut)}"
    return see_other(request, home, text)


async def ask_link(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await page_session(request)
    found, link_ = await _link(services, who, request.match_info["link_id"])
    guests = [one for one in people(view_of(services, found.id)) if one.role == "guest"]
    return await _page(
        request,
        Ask(
            heading=f"Revoke the link for {link_.label}?",
            text=f"It lets people watch the screen of {vm_name(found)}. "
            "Whoever came by it is cut off now.",
            button="Revoke link",
            action=f"/links/{link_.id}/revoke",
            cancel=HOME[who.actor.role],
            people=guests,
            people_label="Guests on this screen, by any link",
        ),
    )


async def link(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await session_of(request)
    revoked = await revoke_link(
        services, who.actor, request.match_info["link_id"], now=services.clock()
    )
    if wants_json(request):
        return web.json_response({}, status=HTTPStatus.OK)
    text = f"The link for {revoked.label} was revoked. Its guests were cut off."
    return see_other(request, HOME[who.actor.role], text)


async def ask_all(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await page_session(request, Role.ADMIN)
    active = await list_consents(services, who.actor, now=services.clock())
    names = ", ".join(vm_name(one) for one in active)
    cut = [person for one in active for person in people(view_of(services, one.id))]
    return await _page(
        request,
        Ask(
            heading=f"Revoke access to all {len(active)} machines?",
            text=f"It ends now for {names or 'no machine'}: every screen goes blank, and nobody "
            "comes back without a new consent.",
            button="Revoke all",
            action="/admin/revoke-all",
            cancel=HOME[who.actor.role],
            people=cut,
            reason_label="Reason",
            reason_hint=READ_BY_ALL,
        ),
    )


async def everything(request: web.Request) -> web.Response:
    services, who = request.app[SERVICES], await page_session(request, Role.ADMIN)
    reason = (await read_form(request)).get("reason", "").strip()
    ended = []
    for one in await list_consents(services, who.actor, now=services.clock()):
        try:
            await end_consent(services, who.actor, one.id, reason=reason, now=services.clock())
        except Refused:
            continue  # it ended by itself meanwhile
        ended.append(vm_name(one))
    text = f"Access was revoked to {', '.join(ended)}." if ended else "No access was running."
    return see_other(request, "/admin", text)


async def _consent(services: Services, who: Session, request: web.Request) -> Consent:
    return await see_consent(
        services, who.actor, request.match_info["consent_id"], now=services.clock()
    )


async def _link(services: Services, who: Session, link_id: str) -> tuple[Consent, ShareLink]:
    """A link among those that this person may see. Raises: NotFound."""
    now = services.clock()
    for found in await list_consents(services, who.actor, now=now):
        for link_, _ in await list_links(services, who.actor, found.id, now=now):
            if link_.id == link_id:
                return found, link_
    raise NotFound("there is no such link")


async def _page(request: web.Request, ask: Ask) -> web.Response:
    return await render(request, "pages/confirm.html", ask=ask)


def _who_was_cut(cut: Sequence[Person]) -> str:
    if not cut:
        return "Nobody was connected."
    names = ", ".join(f"{person.name} ({person.role})" for person in cut)
    return f"Cut off: {names}."
