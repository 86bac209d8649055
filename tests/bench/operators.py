"""Operators for a measurement: as many as there are consoles to open at once."""

from __future__ import annotations

import secrets
from typing import Final

import pyotp

from gateway.actions.accounts import create_account
from gateway.actions.set_up import finish_setup, look_up_setup_link
from gateway.demo import DemoAccount
from gateway.policy.facts import Actor, Role
from tests.doubles.standing import Standing

_LOOPBACK: Final = "127.0.0.1"


async def hired(standing: Standing, count: int) -> list[str]:
    """The names of so many operators, of whom `standing` knows the passwords and the codes.

    An operator's one-time code works once in 30 s, and what it opened is to be entered within 60.
    """
    services = standing.gateway.services
    admin = next(each for each in standing.accounts.values() if each.role is Role.ADMIN)
    actor = Actor(admin.id, admin.name, Role.ADMIN, frozenset(), _LOOPBACK, "a measurement")
    names = [f"operator{number:03}" for number in range(count)]
    for name in names:
        now = services.clock()
        new = await create_account(
            services, actor, name=name, role=Role.CLOUDADMIN, subscriptions=(), now=now
        )
        invitation = await look_up_setup_link(services, new.secret, address=_LOOPBACK, now=now)
        assert invitation.code_secret is not None
        password = secrets.token_urlsafe(12)
        code = pyotp.TOTP(invitation.code_secret).at(now)
        account = await finish_setup(
            services, new.secret, password=password, code=code, address=_LOOPBACK, now=now
        )
        standing.accounts[name] = DemoAccount(
            account.id, name, Role.CLOUDADMIN, (), password, invitation.code_secret
        )
    return names
