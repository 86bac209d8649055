"""Accounts: made with a one-time set-up link, locked and unlocked; the first at first start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.actions import inputs
from gateway.actions.endings import end_sign_ins_of, spend_setup_links
from gateway.actions.finding import account_of
from gateway.actions.recording import GATEWAY, Act, Decision, deciding
from gateway.actions.services import Services
from gateway.consoles.participants import End
from gateway.errors import InvalidInput
from gateway.policy.administration import may_administer, may_disable_account
from gateway.policy.facts import Actor, EndCode, Role
from gateway.store import Account, SetupLink, Unit, new_id

FIRST_ADMIN = "admin"
SETUP_LINK_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account, and the secret of its one-time set-up link, said once.

    The link for people is `{public_base}/set-up#{secret}`.
    """

    account: Account
    secret: str = field(repr=False)


async def first_start(s: Services, *, now: datetime) -> NewAccount | None:
    """While no admin has finished their set-up: the account `admin` and a fresh set-up link."""
    async with s.store.reading() as unit:
        admins = [a for a in await unit.accounts.list() if a.role is Role.ADMIN]
    if any(admin.password_hash for admin in admins):
        return None
    act = Act.ISSUE_SETUP_LINK if admins else Act.CREATE_ACCOUNT
    async with (
        deciding(s, GATEWAY, act, target=FIRST_ADMIN, now=now) as d,
        d.unit() as unit,
    ):
        if admins:
            return await _invite(s, d, unit, admins[0])
        account = _new_account(FIRST_ADMIN, Role.ADMIN, frozenset(), now)
        await unit.accounts.add(account)
        return await _invite(s, d, unit, account)


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
    async with (
        deciding(s, actor, Act.CREATE_ACCOUNT, target=name, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        owned = frozenset(inputs.subscription_id(text) for text in subscriptions)
        if owned and role is not Role.TENANT:
            raise InvalidInput("subscriptions", "only a tenant has subscriptions")
        account = _new_account(inputs.account_name(name), role, owned, now)
        d.note(role=role.value, subscriptions=" ".join(sorted(owned)))
        await unit.accounts.add(account)
        return await _invite(s, d, unit, account)


async def issue_setup_link(
    s: Services, actor: Actor, account_id: str, *, now: datetime
) -> NewAccount:
    """A new set-up link for an account; older ones die, its password stays until then.

    Raises: Refused, NotFound.
    """
    async with (
        deciding(s, actor, Act.ISSUE_SETUP_LINK, target=account_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        return await _invite(s, d, unit, await account_of(d, unit, account_id))


async def disable_account(s: Services, actor: Actor, account_id: str, *, now: datetime) -> Account:
    """Lock an account: its sign-ins, their grants and its set-up links end with it.

    Consents that a tenant gave stay: they are their subscription's. Raises: Refused, NotFound.
    """
    async with (
        deciding(s, actor, Act.DISABLE_ACCOUNT, target=account_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_disable_account(actor, account_id))
        account = replace(await account_of(d, unit, account_id), disabled=True)
        await unit.accounts.update(account)
        end = End(EndCode.SIGN_IN_ENDED, actor.name, "the account was disabled", now)
        d.note(sign_ins_ended=await end_sign_ins_of(d, unit, account.id, end))
        await spend_setup_links(d, unit, account.id)
        return account


async def enable_account(s: Services, actor: Actor, account_id: str, *, now: datetime) -> Account:
    """Unlock an account. What ended when it was disabled stays ended."""
    async with (
        deciding(s, actor, Act.ENABLE_ACCOUNT, target=account_id, now=now) as d,
        d.unit() as unit,
    ):
        d.require(may_administer(actor))
        account = replace(await account_of(d, unit, account_id), disabled=False)
        await unit.accounts.update(account)
        return account


def _new_account(name: str, role: Role, subscriptions: frozenset[str], now: datetime) -> Account:
    return Account(
        id=new_id(),
        name=name,
        role=role,
        password_hash=None,
        code_secret=None,
        subscriptions=subscriptions,
        disabled=False,
        created_at=now,
    )


async def _invite(s: Services, d: Decision, unit: Unit, account: Account) -> NewAccount:
    await spend_setup_links(d, unit, account.id)
    secret, digest = s.identity.new_secret()
    link = SetupLink(id=new_id(), account_id=account.id, expires_at=d.now + SETUP_LINK_LIFETIME)
    await unit.setup_links.add(link, digest)
    d.note(account=account.id, setup_link=link.id)
    return NewAccount(account, secret)
