"""Three people and their accounts, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import pyotp

from gateway.identity import Identity
from gateway.policy.facts import Role

PASSWORD = "correct horse battery staple"
CODE_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass(frozen=True)
class Person:
    """An account as `identity` sees it."""

    id: str
    name: str
    role: Role
    password_hash: str | None
    code_secret: str | None = None
    disabled: bool = False


class People:
    """The accounts; each is the unit of work too, as nothing here can fail half-way."""

    def __init__(self, *people: Person) -> None:
        self._people = {person.name.casefold(): person for person in people}
        self._used: set[tuple[str, int]] = set()
        self.accounts = self

    @classmethod
    async def known_to(cls, identity: Identity) -> People:
        """Ana (operator), Contoso (tenant), Rex (disabled), New (never set up), Bare (no code)."""
        known = await identity.hash_password(PASSWORD)
        code = identity.seal(CODE_SECRET)
        return cls(
            Person("1", "Ana", Role.CLOUDADMIN, known, code),
            Person("2", "Contoso", Role.TENANT, known),
            Person("3", "Rex", Role.TENANT, known, disabled=True),
            Person("4", "New", Role.TENANT, None),
            Person("5", "Bare", Role.ADMIN, known),
        )

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[People]:
        yield self

    async def by_name(self, name: str) -> Person | None:
        return self._people.get(name.casefold())

    async def use_code(self, account_id: str, step: int) -> bool:
        if (account_id, step) in self._used:
            return False
        self._used.add((account_id, step))
        return True


def code_at(now: datetime) -> str:
    """What Ana's authenticator shows."""
    return pyotp.TOTP(CODE_SECRET).at(now)
