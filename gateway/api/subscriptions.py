"""Subscriptions: where emergency access is possible. An admin's business."""

from __future__ import annotations

from aiohttp import web

from gateway.actions.queries import list_subscriptions
from gateway.actions.subscriptions import disable_subscription, enable_subscription
from gateway.api import shapes
from gateway.api.answers import of_subscription
from gateway.api.bodies import Body, body_of
from gateway.api.described import described
from gateway.api.envelope import answer, bearer
from gateway.edge import SERVICES


class SubscriptionBody(Body):
    enabled: bool


def routes() -> list[web.RouteDef]:
    return [
        web.get("/api/v1/subscriptions", show_all),
        web.put("/api/v1/subscriptions/{subscription_id}", change),
    ]


@described("Subscriptions and whether emergency access is enabled", shapes.Subscriptions)
async def show_all(request: web.Request) -> web.Response:
    session = await bearer(request)
    found = await list_subscriptions(request.app[SERVICES], session.actor)
    return answer({"subscriptions": [of_subscription(subscription) for subscription in found]})


@described("Enable or disable emergency access", shapes.Subscription, body=SubscriptionBody)
async def change(request: web.Request) -> web.Response:
    """Enable or disable; disabling ends its consents."""
    session = await bearer(request)
    services = request.app[SERVICES]
    body = await body_of(request, SubscriptionBody)
    act = enable_subscription if body.enabled else disable_subscription
    subscription_id = request.match_info["subscription_id"]
    changed = await act(services, session.actor, subscription_id, now=services.clock())
    return answer(of_subscription(changed))
