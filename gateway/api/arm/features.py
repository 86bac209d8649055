"""Microsoft.Compute.Admin's features: where emergency access is possible. An admin's business.

Contract: azsadmin Microsoft.Compute.Admin 2020-11-01, Features.json; the actions answer 200 with
no body.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from gateway.actions.features import FeatureView, see_feature, set_feature_state
from gateway.actions.subscriptions import disable_subscription, enable_subscription
from gateway.api.arm.envelope import ArmError, arm_json, arm_nothing, echoed, pick
from gateway.api.arm.routing import ArmCall, Route
from gateway.errors import InvalidInput
from gateway.policy.facts import FeatureState
from gateway.store.features import EMERGENCY_VM_ACCESS as FEATURE

_ALL: Final = (
    "/subscriptions/{subscription_id}/providers/Microsoft.Compute.Admin"
    "/locations/{location}/features"
)
_ONE: Final = f"{_ALL}/{{feature}}"


def routes() -> list[Route]:
    kind = "Microsoft.Compute.Admin/locations/features"
    actions = {
        "enableTenantSubscriptionFeature": enable_for_subscription,
        "disableTenantSubscriptionFeature": disable_for_subscription,
        "updateGlobalFeatureSettings": update_global_state,
    }
    return [
        Route("GET", _ALL, list_features, "admin", f"{kind}/read"),
        Route("GET", _ONE, show_feature, "admin", f"{kind}/read"),
        *(
            Route("POST", f"{_ONE}/{name}", handler, "admin", f"{kind}/{name}/action")
            for name, handler in actions.items()
        ),
    ]


async def list_features(call: ArmCall) -> web.Response:
    _check_location(call)
    view = await see_feature(call.services, call.actor, now=call.now)
    return arm_json({"value": [_feature(call, view)]})


async def show_feature(call: ArmCall) -> web.Response:
    _check_feature(call)
    return arm_json(_feature(call, await see_feature(call.services, call.actor, now=call.now)))


async def enable_for_subscription(call: ArmCall) -> web.Response:
    _check_feature(call)
    wanted = await _tenant_subscription(call)
    await enable_subscription(call.services, call.actor, wanted, now=call.now)
    return arm_nothing()


async def disable_for_subscription(call: ArmCall) -> web.Response:
    """Its consents end in the same commit."""
    _check_feature(call)
    wanted = await _tenant_subscription(call)
    await disable_subscription(call.services, call.actor, wanted, now=call.now)
    return arm_nothing()


async def update_global_state(call: ArmCall) -> web.Response:
    _check_feature(call)
    given = pick(await call.body(), "globalFeatureState")
    states = {state.value.lower(): state for state in FeatureState}
    state = states.get(given.lower()) if isinstance(given, str) else None
    if state is None:
        raise InvalidInput("globalFeatureState", f"it is none of {', '.join(FeatureState)}")
    await set_feature_state(call.services, call.actor, state, now=call.now)
    return arm_nothing()


async def _tenant_subscription(call: ArmCall) -> str:
    """The subscription's id; whether it is a GUID, the action decides. Raises: InvalidInput.

    PowerShell writes a string that came from Read-Host as an object (azure-stack-docs#1950): to
    answer 200 to that, as Azure Stack does, would enable nothing and say that it did.
    """
    given = pick(await call.body(), "tenantSubscriptionId")
    if isinstance(given, str):
        return given
    why = "it is missing" if given is None else "it is no text; cast it to [string] in PowerShell"
    raise InvalidInput("tenantSubscriptionId", why)


def _check_location(call: ArmCall) -> None:
    if call.params["location"].lower() != call.location:
        raise _no_such("location", call.params["location"])


def _check_feature(call: ArmCall) -> None:
    _check_location(call)
    if call.params["feature"].lower() != FEATURE.lower():
        raise _no_such("feature", call.params["feature"])


def _no_such(what: str, name: str) -> ArmError:
    return ArmError(
        HTTPStatus.NOT_FOUND, "ResourceNotFound", f"The {what} '{echoed(name)}' was not found."
    )


def _feature(call: ArmCall, view: FeatureView) -> dict[str, Any]:
    subscription = call.params["subscription_id"].lower()
    place = f"providers/Microsoft.Compute.Admin/locations/{call.location}/features/{FEATURE}"
    return {
        "id": f"/subscriptions/{subscription}/{place}",
        "name": FEATURE,
        "type": "Microsoft.Compute.Admin/locations/features",
        "location": call.location,
        "properties": {
            "featureName": FEATURE,
            "globalFeatureSettings": {"globalFeatureState": view.state.value},
            "enabledTenantSubscriptionIds": list(view.enabled_subscriptions),
        },
    }
