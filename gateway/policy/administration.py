"""Rules about administration: what only an admin may do, and what people may do for themselves."""

from __future__ import annotations

from gateway.policy.facts import Actor, Role
from gateway.policy.verdict import ALLOW, Deny, Verdict, all_of, unless

NO_SUCH_SIGN_IN = Deny("NoSuchSignIn", "there is no such sign-in", hidden=True)


def may_administer(actor: Actor) -> Verdict:
    """Subscriptions, the safelist, accounts and the audit log are an admin's."""
    if actor.role is Role.ADMIN:
        return ALLOW
    return Deny("NotAnAdmin", "only an administrator can do this")


def may_disable_account(actor: Actor, account_id: str) -> Verdict:
    """An admin locks anybody but themself, so that one admin is always left."""
    own = Deny("OwnAccount", "another administrator has to disable your account")
    return all_of(may_administer(actor), unless(account_id == actor.account_id, own))


def may_end_sign_in(actor: Actor, owner_account_id: str) -> Verdict:
    """An admin ends anybody's sign-in; everybody ends their own."""
    if actor.role is Role.ADMIN or actor.account_id == owner_account_id:
        return ALLOW
    return NO_SUCH_SIGN_IN
