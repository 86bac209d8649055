"""Who is behind a cookie or a bearer token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.actions.services import Services
from gateway.errors import NotSignedIn
from gateway.identity.secrets import digest_of
from gateway.identity.sign_ins import why_over, worth_touching
from gateway.policy.facts import Actor
from gateway.store import Account, SignIn, Unit


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
        if sign_in is None or sign_in.kind != kind:
            raise NotSignedIn("sign in first")
        account = await account_behind(unit, sign_in, now)
    if touch and worth_touching(sign_in, now):
        async with s.store.unit() as unit:
            await unit.sign_ins.touch(sign_in.id, now)
    return Session(actor_of(account, sign_in.id, address), sign_in, account)


async def authenticate_again(s: Services, session: Session, *, now: datetime) -> Session:
    """The same sign-in as it is now, by its id: a step-up in another tab gives it a new secret.

    It counts as no use. Raises: NotSignedIn.
    """
    async with s.store.reading() as unit:
        sign_in = await unit.sign_ins.get(session.sign_in.id)
        if sign_in is None:
            raise NotSignedIn("sign in first")
        account = await account_behind(unit, sign_in, now)
    return Session(actor_of(account, sign_in.id, session.actor.address), sign_in, account)


async def account_behind(unit: Unit, sign_in: SignIn, now: datetime) -> Account:
    """Raises: NotSignedIn, where the sign-in is over or its account was locked."""
    account = await unit.accounts.by_id(sign_in.account_id)
    if why_over(sign_in, now) is not None or account is None or account.disabled:
        raise NotSignedIn("sign in first")
    return account


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
