"""Password hashes: argon2id, in a thread, a few at a time."""

from __future__ import annotations

import asyncio
import base64
import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import Throttled
from gateway.identity.password_rules import normalised

P = ParamSpec("P")
R = TypeVar("R")

# OWASP's minimum for argon2id: 19 MiB, 2 passes, 1 lane. About 30 ms of one core.
MEMORY = 19 * 1024  # KiB
PASSES = 2
LANES = 1

AT_ONCE = 2  # so that sign-ins take at most 38 MiB, and leave the screens their CPU
MAX_WAITING = 200
MAX_HASHED = 1024  # characters; more is nobody's password


class Passwords:
    """Hashes passwords and checks them, with a bound on what that costs the gateway."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES, type=Type.ID
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys = _hash_of_nothing()

    async def hash(self, password: str) -> str:
        """Return the encoded argon2id hash of `password`."""
        return await self._in_turn(self._hasher.hash, normalised(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Return whether `password` is the one that was hashed.

        None, for nobody's password, takes the same work and is always wrong.
        Raises: Throttled where too many wait already.
        """
        given = normalised(password[:MAX_HASHED])
        return await self._in_turn(self._matches, encoded or self._nobodys, given)

    def _matches(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        if MAX_WAITING <= self._waiting:
            raise Throttled(retry_after=5)
        self._waiting += 1
        try:
            await self._slots.acquire()
            # A thread goes on when its client has hung up: only its end gives the slot back.
            bound = functools.partial(work, *args, **kwargs)
            hashing = asyncio.get_running_loop().run_in_executor(None, bound)
            hashing.add_done_callback(lambda _: self._slots.release())
            return await asyncio.shield(hashing)
        finally:
            self._waiting -= 1


def _hash_of_nothing() -> str:
    """Return an encoded hash with our costs that no password has."""
    salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${salt}${digest}"
