"""Identity: proves who someone is, and keeps the keys that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from itsdangerous import URLSafeTimedSerializer

from gateway.errors import InvalidInput, NotSignedIn
from gateway.identity.id_tokens import IdTokens
from gateway.identity.one_time_codes import matching_step, new_code_secret, provisioning_uri
from gateway.identity.password_rules import why_unsuitable
from gateway.identity.passwords import Passwords
from gateway.identity.secrets import KeyRing, new_secret
from gateway.identity.throttle import SignInThrottle
from gateway.policy.facts import Role

ISSUER = "VM console gateway"
WITH_CODE = frozenset({Role.CLOUDADMIN, Role.ADMIN})  # whose password is not enough


class Claimed(Protocol):
    """What is asked of an account here; the store's has it."""

    @property
    def id(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def password_hash(self) -> str | None: ...
    @property
    def code_secret(self) -> str | None: ...
    @property
    def disabled(self) -> bool: ...


A = TypeVar("A", bound=Claimed)
A_co = TypeVar("A_co", bound=Claimed, covariant=True)


class Accounts(Protocol[A_co]):
    """What is asked of the accounts of a unit of work."""

    async def by_name(self, name: str) -> A_co | None: ...
    async def use_code(self, account_id: str, step: int) -> bool: ...


class Unit(Protocol[A_co]):
    """What is asked of a unit of work."""

    @property
    def accounts(self) -> Accounts[A_co]: ...


class Identity:
    """Passwords, one-time codes, secrets and signatures, behind one throttle."""

    def __init__(
        self,
        secret_key: bytes,
        *,
        clock: Callable[[], datetime],
        retired_keys: Sequence[bytes] = (),
    ) -> None:
        """`secret_key`: at least 32 random bytes. Raises: SettingsError."""
        self.keys = KeyRing(secret_key, retired_keys, clock=clock)
        self.passwords = Passwords()
        self.throttle = SignInThrottle()
        self.id_tokens = IdTokens(self.keys.purpose_keys)

    async def prove(  # noqa: PLR0917
        self,
        unit_of: Callable[[], AbstractAsyncContextManager[Unit[A]]],
        name: str,
        password: str,
        code: str | None,
        address: str,
        now: datetime,
    ) -> A:
        """Return the account whose name, password and, where it has one, one-time code these are.

        An unknown name costs the same work and gets the same answer as a wrong password.
        `unit_of` begins a unit that writes: the code is used up.
        Raises: NotSignedIn, Throttled, StoreUnavailable.
        """
        attempt = self.throttle.attempt(name, address, now)
        # The unit is left before the password is hashed: nobody else waits for that.
        async with unit_of() as unit:
            account = await unit.accounts.by_name(name)
        step = self._code_step(account, code, now)
        self.throttle.spare_the_attacked(attempt, now, code_matches=step is not None)
        known = account.password_hash if account is not None else None
        if not await self.passwords.verify(known, password):
            raise NotSignedIn(REFUSAL)
        if account is None or account.disabled:
            raise NotSignedIn(REFUSAL)
        if account.code_secret is not None or account.role in WITH_CODE:
            await _use_up(unit_of, account, step)
        self.throttle.succeeded(attempt, now)
        return account

    def _code_step(self, account: Claimed | None, code: str | None, now: datetime) -> int | None:
        if account is None or account.code_secret is None or code is None:
            return None
        return matching_step(self.keys.unseal(account.code_secret), code, now)

    def check_new_password(self, password: str, *, account_name: str, role: Role) -> None:
        """Raises: InvalidInput where nobody should choose that password."""
        only_factor = role not in WITH_CODE
        reason = why_unsuitable(password, account_name=account_name, only_factor=only_factor)
        if reason is not None:
            raise InvalidInput("password", reason)

    async def hash_password(self, password: str) -> str:
        """Return the hash to keep of a password that was checked."""
        return await self.passwords.hash(password)

    def needs_code(self, role: Role) -> bool:
        """Return whether accounts of that role sign in with a one-time code too."""
        return role in WITH_CODE

    def new_code_secret(self) -> str:
        """Return a fresh one-time-code secret, sealed."""
        return self.keys.seal(new_code_secret())

    def code_uri(self, sealed: str, account_name: str) -> str:
        """Return the `otpauth:` address of a sealed code secret, for a QR code."""
        return provisioning_uri(self.keys.unseal(sealed), account_name, ISSUER)

    def code_step(self, sealed: str, code: str, now: datetime) -> int | None:
        """Return the time step whose code this is: to confirm a new authenticator."""
        return matching_step(self.keys.unseal(sealed), code, now)

    def new_secret(self) -> tuple[str, str]:
        """Return a fresh secret and its SHA-256 digest."""
        return new_secret()

    def seal(self, text: str) -> str:
        """Encrypt a text that must lie in the store and be read again."""
        return self.keys.seal(text)

    def unseal(self, sealed: str) -> str:
        """Return what was sealed. Raises: SettingsError where none of our keys sealed it."""
        return self.keys.unseal(sealed)

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return a serializer whose signed values are good for `purpose` alone."""
        return self.keys.signer(purpose)


REFUSAL = "the name, password or code is not right"


async def _use_up(
    unit_of: Callable[[], AbstractAsyncContextManager[Unit[A]]], account: A, step: int | None
) -> None:
    """Use the code of `step`, which no other sign-in may have used. Raises: NotSignedIn."""
    if step is None:
        raise NotSignedIn(REFUSAL)
    async with unit_of() as unit:
        if not await unit.accounts.use_code(account.id, step):
            raise NotSignedIn(REFUSAL)
