"""Rules about recovery: who may ask something of a guest, propose it, decide it and see it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.policy.consents import NO_SUCH_VM, consent_active, may_see, may_see_vm
from gateway.policy.facts import Actor, Consent, Role, Vm
from gateway.policy.verdict import ALLOW, Deny, Verdict, all_of, unless

NO_SUCH_ACTION = Deny("NoSuchRecovery", "there is no such recovery action", hidden=True)
NOT_A_TENANT = Deny("NotATenant", "only a tenant can have something done in their machine")
NOT_AN_OPERATOR = Deny("NotAnOperator", "only an operator proposes; a tenant starts it themself")
NOT_PROPOSED = Deny("NotProposed", "this is no proposal that waits for a decision")
ALREADY_SENT = Deny("AlreadySent", "the guest has it already: it can no longer be cancelled")
ACTION_OVER = Deny("RecoveryOver", "this recovery action is over")
LOG_NOT_YOURS = Deny("LogNotYours", "the agent's log names accounts: it is the tenant's to read")
NOT_YOURS_TO_CANCEL = Deny(
    "NotYoursToCancel", "whoever proposed it can take it back until the tenant has decided"
)
OTHER_VM = Deny("OtherVm", "the consent is for another virtual machine")


class ActionState(StrEnum):
    """How a recovery action stands. Each is reached from the ones above it, never backwards."""

    PROPOSED = "proposed"  # by an operator; the tenant decides
    REQUESTED = "requested"  # waiting for its turn; nothing that changes the guest was sent
    SENT = "sent"  # committed before the first thing that changes the guest is sent
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it was sent, and nobody can say whether it was done
    CANCELLED = "cancelled"  # before it was sent
    DECLINED = "declined"


OPEN_STATES = frozenset({ActionState.PROPOSED, ActionState.REQUESTED, ActionState.SENT})
UNSENT_STATES = frozenset({ActionState.PROPOSED, ActionState.REQUESTED})


class Asked(Protocol):
    """What policy asks of a recovery action; the store's row has it."""

    @property
    def subscription_id(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def state(self) -> ActionState: ...
    @property
    def account_id(self) -> str: ...


def may_apply_extension(actor: Actor, vm: Vm | None) -> Verdict:
    """A tenant of that subscription, for a VM that the inventory knows. No consent is needed:
    the machine is theirs.
    """
    return all_of(unless(actor.role is not Role.TENANT, NOT_A_TENANT), may_see_vm(actor, vm))


def may_start(actor: Actor, vm: Vm, consent: Consent | None, now: datetime) -> Verdict:
    """As `may_apply_extension`; with a consent, one that is in force for that very VM."""
    mine = may_apply_extension(actor, vm)
    if consent is None:
        return mine
    other = unless(consent.vm_key != vm.key, OTHER_VM)
    return all_of(mine, other, consent_active(consent, now))


def may_propose(actor: Actor, consent: Consent, node: str, now: datetime) -> Verdict:
    """An operator proposes under an active consent of this node."""
    return all_of(
        may_see(actor, consent, node),
        unless(actor.role is not Role.CLOUDADMIN, NOT_AN_OPERATOR),
        consent_active(consent, now),
    )


def may_decide(actor: Actor, action: Asked, consent: Consent, now: datetime) -> Verdict:
    """A tenant of the subscription approves or declines, once, while the consent holds."""
    if actor.role is Role.TENANT and action.subscription_id not in actor.subscriptions:
        return NO_SUCH_ACTION
    return all_of(
        unless(actor.role is not Role.TENANT, NOT_A_TENANT),
        unless(action.state is not ActionState.PROPOSED, NOT_PROPOSED),
        consent_active(consent, now),
    )


def may_see_action(actor: Actor, action: Asked, consent: Consent | None, node: str) -> Verdict:
    """A tenant sees those of their subscriptions, an admin all, an operator this node's under a
    consent: what a tenant does with a machine of their own is no operator's to know.
    """
    if actor.role is Role.ADMIN:
        return ALLOW
    if actor.role is Role.TENANT and action.subscription_id in actor.subscriptions:
        return ALLOW
    if actor.role is Role.CLOUDADMIN and consent is not None and action.node == node:
        return ALLOW
    return NO_SUCH_ACTION


def may_cancel(actor: Actor, action: Asked, consent: Consent | None, node: str) -> Verdict:
    """Until it is sent: the tenant, an admin, and an operator their own proposal."""
    seen = may_see_action(actor, action, consent, node)
    foreign = actor.role is Role.CLOUDADMIN and action.account_id != actor.account_id
    approved = actor.role is Role.CLOUDADMIN and action.state is ActionState.REQUESTED
    return all_of(
        seen,
        unless(action.state is ActionState.SENT, ALREADY_SENT),
        unless(action.state not in UNSENT_STATES, ACTION_OVER),
        unless(foreign or approved, NOT_YOURS_TO_CANCEL),
    )


def may_read_log(actor: Actor, vm: Vm | None) -> Verdict:
    """The agent's log of a VM: a tenant of its subscription, and an admin."""
    if actor.role is Role.ADMIN:
        return unless(vm is None, NO_SUCH_VM)
    return all_of(unless(actor.role is not Role.TENANT, LOG_NOT_YOURS), may_see_vm(actor, vm))
