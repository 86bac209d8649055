"""Creating, disabling and enabling accounts, by an admin; the first one at first start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gateway.actions.services import Services
from gateway.policy.facts import Actor, Role

if TYPE_CHECKING:
    from gateway.store.accounts import Account


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account without credentials, and the secret of its one-time set-up link, said once.

    The link for people is `{public_base}/set-up#{secret}`.
    """

    account: Account
    secret: str = field(repr=False)


async def first_start(s: Services, *, now: datetime) -> NewAccount | None:
    """While no admin has finished their set-up: the account `admin` and a fresh set-up link."""
    raise NotImplementedError


async def create_account(
    s: Services,
    actor: Actor,
    *,
    name: str,
    role: Role,
    subscriptions: Iterable[str] = (),
    now: datetime,
) -> NewAccount:
    """A new account and its set-up link. Raises: Refused, InvalidInput, Conflict (name taken)."""
    raise NotImplementedError


async def issue_setup_link(
    s: Services, actor: Actor, account_id: str, *, now: datetime
) -> NewAccount:
    """A new set-up link for an account; older ones die. Raises: Refused, NotFound."""
    raise NotImplementedError


async def disable_account(s: Services, actor: Actor, account_id: str, *, now: datetime) -> Account:
    """Lock an account: its sign-ins, their grants and its set-up links end with it.

    Consents that a tenant gave stay: they are their subscription's. Raises: Refused, NotFound.
    """
    raise NotImplementedError


async def enable_account(s: Services, actor: Actor, account_id: str, *, now: datetime) -> Account:
    """Unlock an account. What ended when it was disabled stays ended."""
    raise NotImplementedError
