"""A coroutine that is begun at once and awaited only where it must wait."""

from __future__ import annotations

import asyncio

import pytest

from gateway.consoles.eager import Begun


async def test_what_need_not_wait_is_done_at_once() -> None:
    said = []

    async def say() -> None:
        said.append("said")

    assert Begun(say()).done
    assert said == ["said"]


async def test_what_must_wait_goes_on_where_it_is_awaited() -> None:
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    heard = []

    async def listen() -> None:
        heard.append(await first)
        try:
            await second
        except ValueError as error:
            heard.append(str(error))
        await asyncio.sleep(0)
        heard.append("end")

    begun = Begun(listen())
    assert not begun.done
    loop.call_soon(first.set_result, "first")
    loop.call_soon(second.set_exception, ValueError("second"))
    await begun
    assert begun.done
    assert heard == ["first", "second", "end"]


async def test_an_error_is_raised_where_it_is_awaited() -> None:
    async def fail(*, late: bool) -> None:
        if late:
            await asyncio.sleep(0)
        raise LookupError("lost")

    for late in (False, True):
        begun = Begun(fail(late=late))
        assert not begun.done
        with pytest.raises(LookupError, match="lost"):
            await begun


async def test_cancelling_whoever_awaits_it_cancels_it() -> None:
    cancelled = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("wait")
            raise

    async def waiting() -> None:
        await Begun(wait())

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert cancelled == ["wait"]


async def test_it_can_be_given_up() -> None:
    released = []

    async def hold() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            released.append("released")

    Begun(hold()).close()
    assert released == ["released"]
