"""The console page: one page for operator, tenant, administrator and guest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from gateway.actions.queries import own_grant
from gateway.edge import SERVICES
from gateway.policy.consents import consent_end
from gateway.policy.facts import Vm
from gateway.web.access import Access, access_of, visit_access
from gateway.web.flash import see_other
from gateway.web.recovery_words import Offer, offers_for
from gateway.web.rendering import render
from gateway.web.shown import Left, isolated, left, machine_of

WATCHING: Final = "Watching only: your keyboard and mouse are not sent."

COMBINATIONS: Final = (
    "Alt+Tab",
    "Alt+F4",
    "Win",
    "Win+L",
    "Win+R",
    "Ctrl+Esc",
    "Ctrl+C",
    "Esc",
    "Tab",
    "PrintScreen",
    "Alt+PrintScreen",
    "Alt+SysRq",
    "Pause",
)


def routes() -> list[web.RouteDef]:
    return [
        web.get("/consoles/{consent_id}", show),
        web.get("/shared/{consent_id}", show_shared),
    ]


@dataclass(frozen=True, slots=True)
class Scope:
    """What ends with the session."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Part:
    """What differs between those who look at a console."""

    label: str
    home: str
    home_label: str
    may_type: bool = False
    may_share: bool = False
    end_label: str = ""
    end_text: str = ""
    end_scopes: tuple[Scope, ...] = ()
    revoke_label: str = ""
    leave_action: str = "/sign-out"
    leave_label: str = "Sign out"


PARTS: Final = {
    "operator": Part(
        label="operator",
        home="/operator",
        home_label="Back to the queue",
        may_type=True,
        may_share=True,
        end_label="End session",
        end_text="The screen goes blank for everyone who came with you.",
        end_scopes=(
            Scope("session", "Keep the access: the console can be opened again until it runs out"),
            Scope("consent", "All done: give the access back"),
        ),
    ),
    "tenant": Part(
        label="tenant",
        home="/tenant",
        home_label="Back to your machines",
        may_share=True,
        end_label="End session",
        end_text="The operator loses the screen now. They can open it again while you allow "
        "access; to stop that too, withdraw the access.",
        revoke_label="Withdraw access",
    ),
    "admin": Part(
        label="administrator",
        home="/admin",
        home_label="Back to the live consoles",
        end_label="End session",
        end_text="Everyone loses the screen now. The operator can open it again while the tenant "
        "allows access; to stop that too, revoke the access.",
        revoke_label="Revoke access",
    ),
    "guest": Part(
        label="guest",
        home="/join",
        home_label="Emergency Console",
        leave_action="/leave",
        leave_label="Leave",
    ),
}


@dataclass(frozen=True, slots=True)
class RecoveryPanel:
    """What this person may do inside the guest from here; who may see nothing of it has none."""

    none: str
    start_href: str = ""
    start_label: str = ""
    propose_href: str = ""
    offers: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything the template shows beside the part's own words."""

    title: str
    consent_id: str
    part: str
    me: str
    tenant: str
    part_label: str
    home: str
    home_label: str
    again: str
    left: Left
    tone: str
    banner: str
    heading: str
    text: str
    may_type: bool
    may_share: bool
    end_label: str
    end_text: str
    end_scopes: tuple[Scope, ...]
    revoke_href: str
    revoke_label: str
    leave_action: str
    leave_label: str
    leave_hint: str
    recovery: RecoveryPanel | None
    combinations: tuple[str, ...] = COMBINATIONS


async def show(request: web.Request) -> web.Response:
    access = await access_of(request, request.match_info["consent_id"])
    if access.session is None:
        return see_other(request, f"/shared/{access.consent.id}")
    services = request.app[SERVICES]
    now = services.clock()
    if access.part == "operator" and consent_end(access.consent, now) is None:
        grant = await own_grant(services, access.session.actor, access.consent.id, now=now)
        if grant is None:
            return see_other(request, f"/consents/{access.consent.id}/open")
    return await _page(request, access)


async def show_shared(request: web.Request) -> web.Response:
    return await _page(request, await visit_access(request, request.match_info["consent_id"]))


async def _page(request: web.Request, access: Access) -> web.Response:
    services = request.app[SERVICES]
    known = services.vm(access.consent.resource_id)
    vm = machine_of(access.consent, known)
    time_left = left(access.consent.expires_at, services.clock())
    panel = _recovery(access, known)
    screen = _screen(access, isolated(vm.name), time_left, panel)
    return await render(request, "pages/console.html", vm=vm, screen=screen)


def _screen(access: Access, vm: str, time_left: Left, recovery: RecoveryPanel | None) -> Screen:
    part = PARTS[access.part]
    consent = access.consent
    return Screen(
        title="console" if part.may_type else "shared screen",
        consent_id=consent.id,
        part=access.part,
        me=access.name,
        tenant=consent.tenant,
        part_label=part.label,
        home=part.home,
        home_label=part.home_label,
        again=_again(access),
        left=time_left,
        tone="plain" if part.may_type else "watch",
        banner=f"Connecting to {vm}." if part.may_type else WATCHING,
        heading=f"Connecting to {vm}",
        text="Asking the gateway for the screen.",
        may_type=part.may_type,
        may_share=part.may_share,
        end_label=part.end_label,
        end_text=part.end_text,
        end_scopes=part.end_scopes,
        revoke_href=f"/consents/{consent.id}/end" if part.revoke_label else "",
        revoke_label=part.revoke_label,
        leave_action=part.leave_action,
        leave_label=part.leave_label,
        leave_hint="Ctrl+Alt+Shift leaves the screen with the keyboard."
        if part.may_type
        else WATCHING,
        recovery=recovery,
    )


def _recovery(access: Access, vm: Vm | None) -> RecoveryPanel | None:
    consent = access.consent
    match access.part:
        case "operator":
            return RecoveryPanel(
                none="Nothing is proposed.",
                propose_href=f"/consents/{consent.id}/propose",
                offers=offers_for(vm.os) if vm else (),
            )
        case "tenant":
            target = quote(consent.resource_id, safe="")
            return RecoveryPanel(
                none="Nothing is proposed, and nothing is under way inside the machine.",
                start_href=f"/recoveries/new?vm={target}&consent={consent.id}",
                start_label="Recover access",
            )
        case "admin":
            return RecoveryPanel(none="Nothing was proposed or done inside the machine.")
        case _:
            return None


def _again(access: Access) -> str:
    """Where access to the same machine is asked for once more."""
    vm = quote(access.consent.resource_id, safe="")
    pages = {"operator": f"/operator/requests?vm={vm}", "tenant": f"/tenant/consents/new?vm={vm}"}
    return pages.get(access.part, PARTS[access.part].home)
