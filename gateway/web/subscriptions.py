"""Which subscriptions may use emergency access."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from gateway.actions.queries import list_consents, list_subscriptions
from gateway.actions.services import Services
from gateway.actions.subscriptions import disable_subscription, enable_subscription
from gateway.edge import SERVICES, read_form
from gateway.errors import InvalidInput
from gateway.policy.facts import Consent, Role, Subscription
from gateway.web.endings import Ask
from gateway.web.flash import see_other
from gateway.web.live import view_of
from gateway.web.rendering import page_session, render
from gateway.web.shown import State, people, vm_name

HERE = "/admin/subscriptions"


def routes() -> list[web.RouteDef]:
    return [
        web.get(HERE, show),
        web.post(HERE, enable),
        web.get(HERE + "/{subscription_id}/disable", ask),
        web.post(HERE + "/{subscription_id}/disable", disable),
    ]


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    enabled: bool
    state: State
    machines: str


async def show(request: web.Request) -> web.Response:
    return await _page(request)


async def enable(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    asked = (await read_form(request)).get("subscription_id", "").strip()
    try:
        enabled = await enable_subscription(services, actor, asked, now=services.clock())
    except InvalidInput as error:
        return await _page(request, asked, f"This is no subscription id: {error.reason}.")
    return see_other(request, HERE, f"Emergency access is enabled for {enabled.id}.")


async def ask(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    subscription_id = request.match_info["subscription_id"].lower()
    consents = await list_consents(services, actor, now=services.clock())
    ending = [one for one in consents if one.subscription_id == subscription_id]
    question = Ask(
        heading="Disable emergency access for this subscription?",
        text=f"Subscription {subscription_id}. {_what_ends(ending)}",
        button="Disable",
        action=f"{HERE}/{subscription_id}/disable",
        cancel=HERE,
        people=[person for one in ending for person in people(view_of(services, one.id))],
    )
    return await render(request, "pages/confirm.html", ask=question)


async def disable(request: web.Request) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    subscription_id = request.match_info["subscription_id"]
    done = await disable_subscription(services, actor, subscription_id, now=services.clock())
    return see_other(
        request, HERE, f"Emergency access is disabled for {done.id}. Its consents have ended."
    )


async def _page(request: web.Request, asked: str = "", problem: str | None = None) -> web.Response:
    services = request.app[SERVICES]
    actor = (await page_session(request, Role.ADMIN)).actor
    found = await list_subscriptions(services, actor)
    return await render(
        request,
        "pages/admin/subscriptions.html",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        rows=[_row(services, one) for one in found],
        asked=asked,
        problem=problem,
    )


def _row(services: Services, subscription: Subscription) -> Row:
    known = (one.vm for one in services.inventory.machines())
    names = sorted(vm.name for vm in known if vm.subscription_id == subscription.id)
    state = State("live", "Enabled") if subscription.enabled else State("off", "Disabled")
    return Row(subscription.id, subscription.enabled, state, ", ".join(names) or "None known")


def _what_ends(ending: list[Consent]) -> str:
    if not ending:
        return "No access of it is running. Its tenants cannot allow access until it is enabled."
    names = ", ".join(vm_name(one) for one in ending)
    return f"The access to {names} ends now, and every screen of it goes blank."
