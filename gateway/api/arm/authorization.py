"""Whose a subscription is. What is foreign is answered as what is missing: nobody can probe."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from gateway.actions.refuse_scope import refuse_scope
from gateway.api.arm.envelope import ArmError, echoed, well_formed_guid
from gateway.api.arm.routing import ArmCall
from gateway.errors import NotFound
from gateway.identity.directory import object_id, provider_subscription
from gateway.policy.facts import Role

_ROLES: Final = {"tenant": Role.TENANT, "admin": Role.ADMIN}
_SUBSCRIPTION_ITSELF: Final = 2  # segments


async def check_subscription(call: ArmCall) -> None:
    """Let a call pass whose path names no subscription but the caller's own. Raises: ArmError."""
    if call.actor.role is not _ROLES[call.audience]:
        raise await authorization_failed(call)
    named = call.params.get("subscription_id")
    if named is None:
        return
    if well_formed_guid(named) is None:
        raise ArmError(
            HTTPStatus.BAD_REQUEST,
            "InvalidSubscriptionId",
            f"The provided subscription identifier '{echoed(named)}' is malformed or invalid.",
        )
    if named.lower() in own_subscriptions(call):
        return
    denial = await authorization_failed(call)
    if len(call.route.segments) == _SUBSCRIPTION_ITSELF:
        raise subscription_not_found(named)
    raise denial


def own_subscriptions(call: ArmCall) -> tuple[str, ...]:
    """The ids of the caller's subscriptions, sorted: an admin's is the provider's."""
    if call.audience == "admin":
        return (provider_subscription(call.services.public_base),)
    return tuple(sorted(call.actor.subscriptions))


async def authorization_failed(call: ArmCall) -> ArmError:
    """The refusal of a scope, recorded; the same whether it is foreign or does not exist."""
    actor, scope = call.actor, call.scope
    try:
        await refuse_scope(
            call.services, actor, scope=scope, action=call.route.action, now=call.now
        )
    except NotFound:
        return ArmError(
            HTTPStatus.FORBIDDEN,
            "AuthorizationFailed",
            f"The client '{actor.name}' with object id '{object_id(actor.account_id)}' does not "
            f"have authorization to perform action '{call.route.action}' over scope "
            f"'{echoed(scope)}' or the scope is invalid. If access was recently granted, please "
            "refresh your credentials.",
        )


def subscription_not_found(subscription_id: str) -> ArmError:
    return ArmError(
        HTTPStatus.NOT_FOUND,
        "SubscriptionNotFound",
        f"The subscription '{echoed(subscription_id)}' could not be found.",
    )
