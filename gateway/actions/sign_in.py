"""Signing in and out, and ending somebody's sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.actions.authenticate import Session, actor_of
from gateway.actions.endings import end_sign_in_row
from gateway.actions.inputs import clipped, known_id, storable
from gateway.actions.recording import Act, Decision, deciding, stranger
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.errors import NotSignedIn
from gateway.identity.secrets import digest_of
from gateway.identity.sign_ins import lifetime_of
from gateway.policy.administration import NO_SUCH_SIGN_IN, may_end_sign_in
from gateway.policy.facts import Actor, EndCode
from gateway.store import Account, SignIn, Unit, new_id

Kind = Literal["browser", "bearer", "arm"]

MAX_USER_AGENT = 256


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh sign-in; `secret` is its cookie or token, said once."""

    secret: str = field(repr=False)
    sign_in: SignIn
    account: Account
    actor: Actor


async def sign_in(
    s: Services,
    *,
    name: str,
    password: str,
    code: str | None,
    address: str,
    user_agent: str,
    kind: Kind,
    now: datetime,
    replaces: str | None = None,
) -> SignedIn:
    """Prove who this is and begin a sign-in. `replaces`: the secret that the browser had before.

    A tenant has no code; a cloudadmin and an admin need one. Raises: NotSignedIn, Throttled.
    """
    claimed = storable(name)
    async with deciding(s, stranger(address, claimed), Act.SIGN_IN, target=claimed, now=now) as d:
        d.note(kind=kind)
        proven = await s.identity.prove(s.store.unit, claimed, password, code, address, now)
        async with d.unit() as unit:
            # Once more: the account may have been disabled while the password was checked.
            account = await unit.accounts.by_id(proven.id)
            if account is None or account.disabled or account != proven:
                raise NotSignedIn("the account has changed meanwhile, sign in again")
            begun = new_sign_in(account, kind=kind, address=address, user_agent=user_agent, now=now)
            d.party = actor = actor_of(account, begun.id, address)
            secret, digest = s.identity.new_secret()
            await unit.sign_ins.add(begun, digest)
            d.note(sign_in=begun.id)
            await _end_replaced(d, unit, replaces, actor)
            return SignedIn(secret, begun, account, actor)


def new_sign_in(
    account: Account, *, kind: Kind, address: str, user_agent: str, now: datetime
) -> SignIn:
    """The row of a sign-in that begins now."""
    lifetime = lifetime_of(account.role)
    return SignIn(
        id=new_id(),
        account_id=account.id,
        kind=kind,
        created_at=now,
        last_seen_at=now,
        expires_at=now + lifetime.overall,
        idle=lifetime.idle,
        stepped_up_at=None,
        address=address,
        user_agent=clipped(user_agent, MAX_USER_AGENT),
    )


async def _end_replaced(d: Decision, unit: Unit, replaces: str | None, actor: Actor) -> None:
    """A browser has one sign-in: what its cookie meant before ends now."""
    before = await unit.sign_ins.by_digest(digest_of(replaces)) if replaces else None
    if before is not None:
        why = "the browser signed in again"
        await end_sign_in_row(d, unit, before.id, _ended_by(actor, why, d.now))


async def sign_out(s: Services, session: Session, *, now: datetime) -> None:
    """End this very sign-in, and with it the grants drawn from it."""
    actor = session.actor
    async with (
        deciding(s, actor, Act.SIGN_OUT, target=actor.name, now=now) as d,
        d.unit() as unit,
    ):
        d.note(sign_in=actor.sign_in_id)
        end = _ended_by(actor, "signed out", now)
        await end_sign_in_row(d, unit, actor.sign_in_id, end)


async def end_sign_in(s: Services, actor: Actor, sign_in_id: str, *, now: datetime) -> None:
    """End one's own or, as an admin, anybody's sign-in. Raises: NotFound."""
    async with (
        deciding(s, actor, Act.END_SIGN_IN, target=sign_in_id, now=now) as d,
        d.unit() as unit,
    ):
        known = known_id(sign_in_id)
        ending = d.found(await unit.sign_ins.get(known) if known else None, NO_SUCH_SIGN_IN)
        d.require(may_end_sign_in(actor, ending.account_id))
        owner = await unit.accounts.by_id(ending.account_id)
        d.note(account=owner.name if owner else None)
        why = "the sign-in was ended"
        await end_sign_in_row(d, unit, ending.id, _ended_by(actor, why, now))


def _ended_by(actor: Actor, why: str, now: datetime) -> End:
    return End(EndCode.SIGN_IN_ENDED, actor.name, why, now)
