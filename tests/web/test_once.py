"""A form acts once, however often and however fast it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from itsdangerous import URLSafeTimedSerializer

from gateway.errors import InvalidInput, Refused
from gateway.web import once as module
from gateway.web.once import Once

SIGNER = URLSafeTimedSerializer("k" * 32, salt="once")


def counting(done: list[str]) -> Callable[[], Awaitable[str]]:
    async def act() -> str:
        await asyncio.sleep(0)
        done.append("done")
        return f"/{len(done)}"

    return act


async def test_many_at_once_act_once_and_lead_to_the_same_place() -> None:
    once, done = Once(), list[str]()
    token = once.token(SIGNER)
    led = await asyncio.gather(*(once.act(SIGNER, token, counting(done)) for _ in range(20)))
    assert done == ["done"]
    assert set(led) == {"/1"}


async def test_two_forms_act_twice() -> None:
    once, done = Once(), list[str]()
    for _ in range(2):
        await once.act(SIGNER, once.token(SIGNER), counting(done))
    assert len(done) == 2


async def test_what_failed_was_not_done_and_may_be_tried_again() -> None:
    once, done = Once(), list[str]()
    token = once.token(SIGNER)

    async def failing() -> str:
        raise InvalidInput("user", "is needed")

    with pytest.raises(InvalidInput):
        await once.act(SIGNER, token, failing)
    assert await once.act(SIGNER, token, counting(done)) == "/1"


@pytest.mark.parametrize(
    "token",
    ["", "x", "é", SIGNER.dumps("x"), SIGNER.dumps(["other", "x"])],
    ids=["nothing", "a letter", "not ASCII", "no process", "another process"],
)
async def test_what_this_process_did_not_make_acts_never(token: str) -> None:
    done = list[str]()
    with pytest.raises(Refused):
        await Once().act(SIGNER, str(token), counting(done))
    assert done == []


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    once, done = Once(), list[str]()
    for _ in range(10):
        await once.act(SIGNER, once.token(SIGNER), counting(done))
    assert len(once._attempts) == 3
