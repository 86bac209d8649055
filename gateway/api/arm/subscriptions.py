"""The directory, the caller's subscriptions, and the region that these have."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.api.arm.authorization import own_subscriptions
from gateway.api.arm.envelope import arm_json
from gateway.api.arm.routing import ArmCall, Route
from gateway.identity.directory import tenant_id

_ONE = "/subscriptions/{subscription_id}"


def routes() -> list[Route]:
    read = "Microsoft.Resources/subscriptions/read"
    return [
        Route("GET", "/tenants", list_tenants, "both", "Microsoft.Resources/tenants/read"),
        Route("GET", "/subscriptions", list_subscriptions, "both", read),
        Route("GET", _ONE, show_subscription, "both", read),
        Route(
            "GET",
            f"{_ONE}/locations",
            list_locations,
            "both",
            "Microsoft.Resources/subscriptions/locations/read",
        ),
    ]


async def list_tenants(call: ArmCall) -> web.Response:
    """The one directory that all accounts are in."""
    found = tenant_id(call.services.public_base)
    tenant = {
        "id": f"/tenants/{found}",
        "tenantId": found,
        "displayName": call.services.node,
        "tenantCategory": "Home",
    }
    return arm_json({"value": [tenant]})


async def list_subscriptions(call: ArmCall) -> web.Response:
    return arm_json({"value": [_subscription(call, known) for known in own_subscriptions(call)]})


async def show_subscription(call: ArmCall) -> web.Response:
    return arm_json(_subscription(call, call.params["subscription_id"].lower()))


async def list_locations(call: ArmCall) -> web.Response:
    subscription = call.params["subscription_id"].lower()
    location = {
        "id": f"/subscriptions/{subscription}/locations/{call.location}",
        "name": call.location,
        "type": "Region",
        "displayName": call.location,
        "regionalDisplayName": call.location,
        "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
    }
    return arm_json({"value": [location]})


def _subscription(call: ArmCall, subscription_id: str) -> dict[str, Any]:
    name = "Default Provider Subscription" if call.audience == "admin" else subscription_id
    return {
        "id": f"/subscriptions/{subscription_id}",
        "subscriptionId": subscription_id,
        "displayName": name,
        "state": "Enabled",
        "tenantId": tenant_id(call.services.public_base),
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
        "managedByTenants": [],
    }
