"""Emergency VM Access: the tenant consents, as the seed's script asks for it, and withdraws."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from gateway.actions.end_consent import end_consent
from gateway.actions.queries import find_consent
from gateway.actions.request_consent import request_consent
from gateway.api.arm.envelope import ArmError, arm_json, moment, pick
from gateway.api.arm.machines import VM, machine_of
from gateway.api.arm.routing import ArmCall, Route
from gateway.errors import InvalidInput, NotFound, Refused
from gateway.policy.facts import Consent


def routes() -> list[Route]:
    vm = "Microsoft.Compute/virtualMachines"
    return [
        Route("POST", f"{VM}/enableVmAccess", enable, "tenant", f"{vm}/enableVmAccess/action"),
        Route("POST", f"{VM}/disableVmAccess", disable, "tenant", f"{vm}/disableVmAccess/action"),
    ]


async def enable(call: ArmCall) -> web.Response:
    """Consent for this VM; the consent that runs already is answered again, unprolonged."""
    vm = machine_of(call).vm
    reason = _reason(await call.optional_body())
    try:
        consent = await request_consent(
            call.services, call.actor, resource_id=vm.resource_id, reason=reason, now=call.now
        )
    except Refused as refusal:
        if refusal.code != "SubscriptionNotEnabled":
            raise
        raise ArmError(
            HTTPStatus.CONFLICT,
            "OperationNotAllowed",
            "The Emergency VM Access feature is not enabled for subscription "
            f"'{vm.subscription_id}'.",
        ) from None
    return arm_json(_given(call, consent))


async def disable(call: ArmCall) -> web.Response:
    """Withdraw the consent; a repeated request finds none and says so, without an error."""
    vm = machine_of(call).vm
    reason = _reason(await call.optional_body())
    try:
        running = await find_consent(call.services, call.actor, vm.resource_id, now=call.now)
        ended = await end_consent(
            call.services, call.actor, running.id, reason=reason, now=call.now
        )
    except NotFound:
        return arm_json({"ERCSName": vm.node, "consentId": None, "endedOn": None})
    ended_on = moment(ended.ended_at) if ended.ended_at else None
    return arm_json({"ERCSName": ended.node, "consentId": ended.id, "endedOn": ended_on})


def _given(call: ArmCall, consent: Consent) -> dict[str, Any]:
    return {
        "ERCSName": consent.node,
        "consentId": consent.id,
        "expiresOn": moment(consent.expires_at),
        "consoleUrl": f"{call.services.public_base}/consoles/{consent.id}",
    }


def _reason(body: dict[str, Any]) -> str:
    """The seed's action carries none; a client that sends one is understood."""
    reason = pick(body, "reason", "")
    if not isinstance(reason, str):
        raise InvalidInput("reason", "it is not a text")
    return reason
