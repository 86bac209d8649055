"""Fills a fresh gateway by the usual actions: people, a subscription, programs, workstations."""

from __future__ import annotations

import secrets

import pyotp

from gateway.actions.accounts import NewAccount, create_account, first_start
from gateway.actions.credentials import add_credential
from gateway.actions.services import Services
from gateway.actions.set_up import finish_setup, look_up_setup_link
from gateway.actions.subscriptions import enable_subscription
from gateway.actions.workstations import grant_workstation
from gateway.demo.cast import CAST, CONTOSO, LOOPBACK, DemoAccount, DemoProgram
from gateway.errors import SettingsError
from gateway.policy.facts import Actor, Role


async def furnish(services: Services) -> tuple[DemoAccount, ...]:
    """Accounts, one enabled subscription, loopback on the safelist: all by the usual actions."""
    invited = await first_start(services, now=services.clock())
    if invited is None:
        raise SettingsError("the demo's state folder already has an admin")
    ada = await _sign_up(services, invited, ())
    actor = Actor(ada.id, ada.name, Role.ADMIN, frozenset(), LOOPBACK, "demo")
    accounts = [ada]
    for name, role, subscriptions in CAST:
        new = await create_account(
            services, actor, name=name, role=role, subscriptions=subscriptions,
            now=services.clock(),
        )  # fmt: skip
        accounts.append(await _sign_up(services, new, subscriptions))
    await enable_subscription(services, actor, CONTOSO, now=services.clock())
    for network in ("127.0.0.0/8", "::1/128"):
        await grant_workstation(services, actor, services.node, network, now=services.clock())
    return tuple(accounts)


async def furnish_programs(
    services: Services, accounts: tuple[DemoAccount, ...]
) -> tuple[DemoProgram, DemoProgram]:
    """A credential for the tenant of the enabled subscription, and one for the admin."""
    ada = next(account for account in accounts if account.role is Role.ADMIN)
    tina = next(account for account in accounts if CONTOSO in account.subscriptions)
    actor = Actor(ada.id, ada.name, Role.ADMIN, frozenset(), LOOPBACK, "demo")

    async def program(account: DemoAccount) -> DemoProgram:
        made = await add_credential(
            services, actor, account_id=account.id, label="demo", days=1, now=services.clock()
        )
        return DemoProgram(account.name, made.named.credential.id, made.secret)

    return await program(tina), await program(ada)


async def _sign_up(
    services: Services, new: NewAccount, subscriptions: tuple[str, ...]
) -> DemoAccount:
    """Go through the set-up link as a person would."""
    now = services.clock()
    invitation = await look_up_setup_link(services, new.secret, address=LOOPBACK, now=now)
    secret = invitation.code_secret
    password = secrets.token_urlsafe(12)
    code = pyotp.TOTP(secret).at(now) if secret else None
    account = await finish_setup(
        services, new.secret, password=password, code=code, address=LOOPBACK, now=now
    )
    return DemoAccount(account.id, account.name, account.role, subscriptions, password, secret)
