"""Password hashes: argon2id at the agreed cost, two at a time, never in the loop's way."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from gateway.errors import Throttled
from gateway.identity import passwords as passwords_module
from gateway.identity.passwords import Passwords


async def test_hashes_are_argon2id_at_the_agreed_cost() -> None:
    parameters = extract_parameters(await Passwords().hash("correct horse"))
    assert (parameters.type, parameters.memory_cost) == (Type.ID, 19 * 1024)
    assert (parameters.time_cost, parameters.parallelism) == (2, 1)


async def test_nobodys_hash_costs_what_everybodys_does() -> None:
    passwords = Passwords()
    nobodys, somebodys = passwords._nobodys, await passwords.hash("x")
    assert extract_parameters(nobodys) == extract_parameters(somebodys)
    assert len(nobodys) == len(somebodys)


async def test_a_password_matches_its_own_hash_alone() -> None:
    passwords = Passwords()
    encoded = await passwords.hash("correct horse")
    assert await passwords.verify(encoded, "correct horse")
    assert not await passwords.verify(encoded, "Correct horse")
    assert not await passwords.verify(None, "correct horse")
    assert not await passwords.verify("not a hash", "correct horse")


async def test_two_keyboards_spell_one_password() -> None:
    passwords = Passwords()
    encoded = await passwords.hash("Zu\u0308rich am See")  # u and a combining diaeresis
    assert await passwords.verify(encoded, "Z\u00fcrich am See")


@pytest.mark.parametrize("password", ["", "\x00", "\ud800", "x" * 10_000_000])
async def test_no_password_is_a_failure(password: str) -> None:
    assert not await Passwords().verify(None, password)


class Watched(Passwords):
    """Counts how many hash at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._running = 0
        self.most = 0

    def _matches(self, encoded: str, password: str) -> bool:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            return super()._matches(encoded, password)
        finally:
            with self._lock:
                self._running -= 1


async def test_two_hash_at_once_and_the_loop_goes_on() -> None:
    passwords = Watched()
    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(passwords.verify(None, "x"))
    assert passwords.most == 2


async def test_clients_that_hang_up_make_no_room_for_more_hashing() -> None:
    passwords = Watched()
    for _ in range(12):
        hung_up = asyncio.create_task(passwords.verify(None, "x"))
        await asyncio.sleep(0)
        hung_up.cancel()
    assert not await passwords.verify(None, "x")
    assert passwords.most <= 2


async def test_a_queue_that_is_too_long_turns_people_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords_module, "MAX_WAITING", 4)
    passwords = Passwords()
    attempts = (passwords.verify(None, "x") for _ in range(10))
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [bool] * 4 + [Throttled] * 6
    assert not await passwords.verify(None, "x")  # the queue empties
