"""Proving who one is: what it takes, what it costs, what it tells (SECURITY A1, A2, A5)."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.errors import InvalidInput, NotSignedIn, Throttled
from gateway.identity import Identity
from gateway.identity.passwords import Passwords
from gateway.policy.facts import Role
from tests.identity.conftest import Clock
from tests.identity.people import PASSWORD, People, Person, code_at

HOME = "192.0.2.7"
ELSEWHERE = "198.51.100.9"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that reaches argon2."""
    reached: list[str] = []
    matches = Passwords._matches

    def counted(self: Passwords, encoded: str, password: str) -> bool:
        reached.append(password)
        return matches(self, encoded, password)

    monkeypatch.setattr(Passwords, "_matches", counted)
    return reached


class Door:
    """Somebody who knocks again and again."""

    def __init__(self, identity: Identity, people: People, clock: Clock) -> None:
        self._identity, self._people, self._clock = identity, people, clock

    async def knock(
        self, name: str, password: str = PASSWORD, code: str | None = None, address: str = HOME
    ) -> Person:
        now = self._clock.now
        return await self._identity.prove(self._people.unit, name, password, code, address, now)

    async def fails(self, name: str, password: str, address: str = HOME) -> None:
        with pytest.raises(NotSignedIn):
            await self.knock(name, password, address=address)


@pytest.fixture
def door(identity: Identity, people: People, clock: Clock) -> Door:
    return Door(identity, people, clock)


async def test_a_tenant_needs_name_and_password(door: Door) -> None:
    assert (await door.knock("contoso")).name == "Contoso"
    await door.fails("contoso", "wrong")


async def test_an_operator_needs_the_code_too(door: Door, clock: Clock) -> None:
    await door.fails("Ana", PASSWORD)
    with pytest.raises(NotSignedIn):
        await door.knock("Ana", code="000000")
    assert (await door.knock("Ana", code=code_at(clock.now))).id == "1"


async def test_a_code_alone_proves_nothing(door: Door, clock: Clock) -> None:
    with pytest.raises(NotSignedIn):
        await door.knock("Ana", "wrong", code_at(clock.now))
    # And it was not used up by that.
    assert (await door.knock("Ana", code=code_at(clock.now))).id == "1"


@pytest.mark.parametrize("name", ["Rex", "New", "Bare", "Nobody", "", "x" * 100_000, "\ud800"])
async def test_accounts_that_cannot_sign_in_get_one_answer(door: Door, name: str) -> None:
    with pytest.raises(NotSignedIn) as refusal:
        await door.knock(name)
    with pytest.raises(NotSignedIn) as wrong_password:
        await door.knock("Contoso", "wrong")
    assert str(refusal.value) == str(wrong_password.value)


async def test_one_of_twenty_at_once_uses_the_code(door: Door, clock: Clock) -> None:
    code = code_at(clock.now)
    attempts = (door.knock("Ana", code=code, address=f"192.0.2.{n}") for n in range(20))
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert len([outcome for outcome in outcomes if isinstance(outcome, Person)]) == 1


async def test_a_hundred_wrong_passwords_cost_five_hashes_and_lock_nobody_else_out(
    door: Door, clock: Clock, hashed: list[str]
) -> None:
    # SECURITY A1.
    refusals: list[float] = []
    for n in range(100):
        began = time.perf_counter()
        with pytest.raises((NotSignedIn, Throttled)) as refusal:
            await door.knock("Ana", f"guess {n}")
        if refusal.type is Throttled:
            refusals.append(time.perf_counter() - began)
    assert len(hashed) <= 5
    # Refused before any work; the median, since a busy machine may stall any single one.
    assert len(refusals) == 95 and statistics.median(refusals) < 0.05
    print(f"{len(hashed)} of 100 hashed; slowest throttled answer {max(refusals) * 1000:.1f} ms")
    with pytest.raises(Throttled) as refusal:
        await door.knock("Ana", code=code_at(clock.now))
    assert refusal.value.retry_after == 15 * 60
    assert await door.knock("Ana", code=code_at(clock.now), address=ELSEWHERE)


async def test_a_hundred_wrong_passwords_at_once_cost_five_hashes_too(
    door: Door, hashed: list[str]
) -> None:
    attempts = (door.knock("Contoso", f"guess {n}") for n in range(100))
    await asyncio.gather(*attempts, return_exceptions=True)
    assert len(hashed) == 5


async def test_guesses_from_everywhere_do_not_lock_the_owner_out(
    door: Door, clock: Clock, hashed: list[str]
) -> None:
    for n in range(200):
        with pytest.raises((NotSignedIn, Throttled)):
            await door.knock("Ana", f"guess {n}", address=f"203.0.113.{n % 40}")
    # 10 before the name counts as attacked, then one from each address that had none.
    assert len(hashed) <= 10 + 40
    await door.fails("Ana", "a slip", address=ELSEWHERE)
    with pytest.raises(Throttled):  # without the code, one try is all there is
        await door.knock("Ana", address=ELSEWHERE)
    assert await door.knock("Ana", code=code_at(clock.now), address=ELSEWHERE)


async def test_the_throttle_lets_go_after_a_quarter_of_an_hour(door: Door, clock: Clock) -> None:
    for n in range(5):
        await door.fails("Contoso", f"guess {n}")
    clock.advance(minutes=14, seconds=59)
    with pytest.raises(Throttled) as refusal:
        await door.knock("Contoso")
    assert refusal.value.retry_after == 1
    clock.advance(seconds=1)
    assert await door.knock("Contoso")


async def test_success_forgives_ones_own_slips(door: Door) -> None:
    for _ in range(4):
        for _ in range(3):
            await door.fails("Contoso", "a slip")
        assert await door.knock("Contoso")


async def test_ones_own_account_buys_no_guesses_at_others(door: Door, hashed: list[str]) -> None:
    for n in range(60):
        with pytest.raises((NotSignedIn, Throttled)):
            await door.knock(f"victim{n}", "Winter2026!")
        try:
            await door.knock("Contoso")
        except Throttled:
            break
    assert len([password for password in hashed if password != PASSWORD]) <= 20


async def test_known_and_unknown_names_take_the_same_time(
    door: Door, clock: Clock, hashed: list[str]
) -> None:
    # SECURITY A2, with 30 of each here.
    took: dict[str, list[float]] = {"Contoso": [], "Nobody": []}
    for n in range(30):
        for name, times in took.items():
            began = time.perf_counter()
            await door.fails(name, "wrong", address=f"10.{n}.0.1")
            times.append(time.perf_counter() - began)
            clock.advance(minutes=5)
    known, unknown = (statistics.median(times) for times in took.values())
    print(f"known {known * 1000:.1f} ms, unknown {unknown * 1000:.1f} ms")
    # The same work is what is proven here; without it the unknown name takes a hundredth.
    assert len(hashed) == 60
    assert known / 2 < unknown < known * 2


@pytest.mark.parametrize(
    ("role", "password", "refused"),
    [
        (Role.ADMIN, "tall grass 7", False),
        (Role.TENANT, "tall grass 7", True),  # 12 characters do where a code comes on top
        (Role.TENANT, "tall grass, 7 hills", False),
    ],
)
def test_passwords_alone_must_be_longer(
    identity: Identity, role: Role, password: str, refused: bool
) -> None:
    check: Callable[[], None] = lambda: identity.check_new_password(  # noqa: E731
        password, account_name="Ana", role=role
    )
    if refused:
        with pytest.raises(InvalidInput, match="password: use at least 15"):
            check()
    else:
        check()


def test_a_new_authenticator_is_confirmed_by_its_code(identity: Identity, clock: Clock) -> None:
    sealed = identity.new_code_secret()
    uri = identity.code_uri(sealed, "Ana")
    assert uri.startswith("otpauth://totp/") and "Ana" in uri
    assert identity.unseal(sealed) in uri and identity.unseal(sealed) not in sealed
    assert identity.code_step(sealed, "000000", clock.now - timedelta(days=1)) is None
