"""Signing in and out, and ending somebody's sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.authenticate import Session
from gateway.actions.services import Services
from gateway.policy.facts import Actor

if TYPE_CHECKING:
    from gateway.store.accounts import Account
    from gateway.store.sign_ins import SignIn


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
    kind: str,
    now: datetime,
    replaces: str | None = None,
) -> SignedIn:
    """Prove who this is and begin a sign-in. `replaces`: the secret that the browser had before.

    A tenant has no code; a cloudadmin and an admin need one. Raises: NotSignedIn, Throttled.
    """
    raise NotImplementedError


async def sign_out(s: Services, session: Session, *, now: datetime) -> None:
    """End this very sign-in, and with it the grants drawn from it."""
    raise NotImplementedError


async def end_sign_in(s: Services, actor: Actor, sign_in_id: str, *, now: datetime) -> None:
    """End one's own or, as an admin, anybody's sign-in. Raises: NotFound."""
    raise NotImplementedError
