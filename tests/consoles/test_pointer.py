"""Those who watch see where the pointer in control is, and nothing else comes of it."""

# ruff: noqa: SIM117 - the outer block sets the scene, the inner one is who enters it

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from gateway.consoles.pointer import SECONDS, Place, SharedPointer
from gateway.policy.facts import EndCode
from tests.doubles.console_stage import Stage, eventually, staged
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.rfbserver import FakeRfbServer
from tests.doubles.ws_viewer import WsViewer

POINTING = "eva.rfb.pointer"
WIDTH, HEIGHT = 64, 48


def page(stage: Stage, who: str) -> AbstractAsyncContextManager[WsViewer]:
    """The console page, which takes text messages out of the stream."""
    return stage.viewer(who, protocol=POINTING)


def a_server() -> FakeRfbServer:
    return FakeRfbServer(width=WIDTH, height=HEIGHT)


# The place that is shared


class Watcher:
    """Notes each place that it finds when it is told that there is one."""

    def __init__(self) -> None:
        self.pointer = SharedPointer()
        self.found: list[Place | None] = []
        self.pointer.watch(self.look)

    def look(self) -> None:
        self.found.append(self.pointer.within(WIDTH, HEIGHT))


async def test_a_first_place_is_told_at_once() -> None:
    watcher = Watcher()
    watcher.pointer.at((3, 4))
    assert watcher.found == [(3, 4)]


async def test_many_moves_are_told_as_the_newest_one() -> None:
    watcher = Watcher()
    for x in range(50):
        watcher.pointer.at((x, 0))
    assert watcher.found == [(0, 0)]
    await eventually(lambda: len(watcher.found) == 2)
    assert watcher.found == [(0, 0), (49, 0)]


async def test_places_are_told_at_most_twenty_times_a_second() -> None:
    watcher, now = Watcher(), asyncio.get_running_loop().time
    begun, x = now(), 0
    while now() < begun + 6 * SECONDS:
        watcher.pointer.at((x := (x + 1) % WIDTH, 0))
        await asyncio.sleep(0.002)
    assert 2 <= len(watcher.found) <= 1 + (now() - begun) / SECONDS


async def test_what_is_forgotten_is_not_told_later() -> None:
    watcher = Watcher()
    watcher.pointer.at((1, 1))
    watcher.pointer.at((2, 2))  # waits for its turn
    watcher.pointer.forget()
    assert watcher.found == [(1, 1), None]
    await asyncio.sleep(2 * SECONDS)
    assert watcher.found == [(1, 1), None]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ((0, 0), (0, 0)),
        ((WIDTH - 1, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1)),
        ((WIDTH, HEIGHT), (WIDTH - 1, HEIGHT - 1)),
        ((65535, 65535), (WIDTH - 1, HEIGHT - 1)),
    ],
)
async def test_a_place_is_on_the_screen_whatever_the_browser_says(
    said: Place, shown: Place
) -> None:
    watcher = Watcher()
    watcher.pointer.at(said)
    assert watcher.found == [shown]


async def test_without_a_screen_there_is_no_place() -> None:
    pointer = SharedPointer()
    pointer.at((1, 1))
    assert pointer.within(0, 0) is None


# In a session


async def test_every_watcher_sees_where_the_operator_points() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with (
            page(stage, "operator") as operator,
            page(stage, "tenant") as tenant,
            page(stage, "guest") as guest,
        ):
            for each in (operator, tenant, guest):
                await each.start()
            await operator.pointer(10, 20)
            for each in (tenant, guest):
                await each.until(lambda each=each: each.pointed == [[10, 20]])
            assert operator.pointed == []  # it is their own


async def test_who_joins_late_sees_where_it_is_now() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with page(stage, "operator") as operator:
            await operator.start()
            talk = await server.connected()
            await operator.pointer(7, 8)
            await talk.until(lambda: talk.pointers)
            async with page(stage, "tenant") as tenant:
                await tenant.start()
                await tenant.until(lambda: tenant.pointed == [[7, 8]])


async def test_a_viewer_that_did_not_ask_is_sent_no_text() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with (
            page(stage, "operator") as operator,
            page(stage, "tenant") as tenant,
            stage.viewer("tenant2") as plain,
            stage.viewer("tenant3", protocol="binary") as foreign,
        ):
            for each in (operator, tenant, plain, foreign):
                await each.start()
            await operator.pointer(1, 2)
            await tenant.until(lambda: tenant.pointed)
            server.paint(0, 0, 8, 8, (255, 0, 0))
            for each in (plain, foreign):
                await each.until(lambda each=each: each.pixel(1, 1) == (255, 0, 0))
                assert each.pointed == []


async def test_a_place_reaches_far_corners_only_as_far_as_the_screen_does() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with page(stage, "operator") as operator, page(stage, "tenant") as tenant:
            await operator.start()
            await tenant.start()
            await operator.pointer(65535, 40000)
            await tenant.until(lambda: tenant.pointed == [[WIDTH - 1, HEIGHT - 1]])


@pytest.mark.rule(5)
async def test_a_watchers_own_pointer_is_nobodys_business() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with (
            page(stage, "operator") as operator,
            page(stage, "tenant") as tenant,
            page(stage, "guest") as guest,
        ):
            for each in (operator, tenant, guest):
                await each.start()
            talk = await server.connected()
            await tenant.pointer(30, 30)
            await operator.pointer(5, 5)
            await guest.until(lambda: guest.pointed)
            await talk.until(lambda: talk.pointers)
            assert guest.pointed == [[5, 5]]
            assert talk.pointers == [(5, 5, 0)]


async def test_an_operator_who_waits_for_control_points_at_nothing() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with (
            page(stage, "operator") as ana,
            page(stage, "operator2") as bo,
            page(stage, "tenant") as tenant,
        ):
            for each in (ana, bo, tenant):
                await each.start()
            await bo.pointer(30, 30)
            await ana.pointer(5, 5)
            await tenant.until(lambda: tenant.pointed)
            assert tenant.pointed == [[5, 5]]
            await bo.until(lambda: bo.pointed == [[5, 5]])


async def test_where_the_last_one_pointed_is_not_where_the_next_one_does() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with (
            page(stage, "operator") as ana,
            page(stage, "operator2") as bo,
            page(stage, "tenant") as tenant,
        ):
            for each in (ana, bo, tenant):
                await each.start()
            await ana.pointer(5, 5, buttons=1)
            await tenant.until(lambda: tenant.pointed == [[5, 5]])
            await bo.until(lambda: bo.pointed == [[5, 5]])
            stage.session.give_control(stage.session.view().participants[1].id)
            await tenant.until(lambda: tenant.pointed == [[5, 5], None])
            await bo.pointer(9, 9)
            await tenant.until(lambda: tenant.pointed[-1] == [9, 9])
            await ana.until(lambda: ana.pointed == [[9, 9]])
            assert bo.pointed == [[5, 5], None]


async def test_a_pointer_goes_with_whoever_had_control() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with page(stage, "operator") as operator, page(stage, "tenant") as tenant:
            await operator.start()
            await tenant.start()
            await operator.pointer(5, 5)
            await tenant.until(lambda: tenant.pointed == [[5, 5]])
            await operator.ws.close()
            await tenant.until(lambda: tenant.pointed == [[5, 5], None])


async def test_a_pointer_goes_with_the_upstream() -> None:
    async with a_server() as server, FaultProxy(port=server.port) as proxy:
        async with staged(proxy.port) as stage:
            async with page(stage, "operator") as operator, page(stage, "tenant") as tenant:
                await operator.start()
                await tenant.start()
                await operator.pointer(5, 5)
                await tenant.until(lambda: tenant.pointed == [[5, 5]])
                await proxy.down()
                await tenant.until(lambda: tenant.pointed == [[5, 5], None])
                await operator.pointer(6, 6)
                await asyncio.sleep(2 * SECONDS)
                assert tenant.pointed == [[5, 5], None]


@pytest.mark.rule(2)
async def test_nobody_is_shown_a_place_after_the_end() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with page(stage, "operator") as operator, page(stage, "tenant") as tenant:
            await operator.start()
            await tenant.start()
            await operator.pointer(5, 5)
            await tenant.until(lambda: tenant.pointed == [[5, 5]])
            await operator.pointer(6, 6)  # waits for its turn, which does not come any more
            talk = await server.connected()
            await talk.until(lambda: len(talk.pointers) == 2)
            stage.end(EndCode.WITHDRAWN)
            assert await tenant.closed() == 4410
            assert [6, 6] not in tenant.pointed


async def test_a_pointer_in_haste_costs_watchers_few_messages() -> None:
    async with a_server() as server, staged(server.port) as stage:
        async with page(stage, "operator") as operator, page(stage, "tenant") as tenant:
            await operator.start()
            await tenant.start()
            talk = await server.connected()
            for x in range(40):
                await operator.pointer(x, 1)
            await talk.until(lambda: (39, 1, 0) in talk.pointers)
            await tenant.until(lambda: [39, 1] in tenant.pointed)
            assert len(tenant.pointed) <= 4
