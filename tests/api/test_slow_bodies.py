"""A request is judged when all of it has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.api.conftest import Caller


async def test_a_sign_in_that_ends_while_a_body_comes_changes_nothing(call: Caller) -> None:
    token = await call.token("ada")
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"name": "mallory", '
        begun.set()
        await ended.wait()
        yield b'"role": "admin"}'

    headers = {"Content-Type": "application/json"}
    created = asyncio.create_task(
        call("POST", "accounts", token=token, data=slowly(), headers=headers)
    )
    await begun.wait()
    # Long enough for the gateway to have read the head and to wait for the rest.
    assert (await call("GET", "sign-ins/current", token=token)).status == 200
    assert (await call("DELETE", "sign-ins/current", token=token)).status == 204
    ended.set()
    assert (await created).status == 401
    async with call.world.store.reading() as unit:
        assert await unit.accounts.by_name("mallory") is None
