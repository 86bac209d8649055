"""Who is behind a cookie or a bearer token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.services import Services
from gateway.policy.facts import Actor

if TYPE_CHECKING:
    from gateway.store.accounts import Account
    from gateway.store.sign_ins import SignIn


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
    raise NotImplementedError
