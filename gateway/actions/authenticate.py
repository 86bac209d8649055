"""Who is behind a cookie or a bearer token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.actions.services import Services
from gateway.errors import NotSignedIn
from gateway.identity.secrets import digest_of
from gateway.identity.sign_ins import why_over, worth_touching
from gateway.policy.facts import Actor
from gateway.store import Account, SignIn


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in that holds now, and whose it is."""

    actor: Actor
    sign_in: SignIn
    account: Account


async def authenticate(
    s: Services, secret: str, *, kind: str, address: str, now: datetime, touch: bool = True
) -> Session:
    """The session that `secret` proves. `kind`: "browser" (a cookie) or "bearer" (a token).

    `touch=False` for what a page asks by itself, so that an open tab does not keep its person
    signed in. Writes no audit record. Raises: NotSignedIn.
    """
    async with s.store.reading() as unit:
        sign_in = await unit.sign_ins.by_digest(digest_of(secret))
        if sign_in is None or sign_in.kind != kind or why_over(sign_in, now) is not None:
            raise NotSignedIn("sign in first")
        account = await unit.accounts.by_id(sign_in.account_id)
    if account is None or account.disabled:
        raise NotSignedIn("sign in first")
    if touch and worth_touching(sign_in, now):
        async with s.store.unit() as unit:
            await unit.sign_ins.touch(sign_in.id, now)
    return Session(actor_of(account, sign_in.id, address), sign_in, account)


def actor_of(account: Account, sign_in_id: str, address: str) -> Actor:
    """Who `account` is to policy, by way of that sign-in, from that address."""
    return Actor(
        account_id=account.id,
        name=account.name,
        role=account.role,
        subscriptions=account.subscriptions,
        address=address,
        sign_in_id=sign_in_id,
    )
