"""The viewer's WebSocket, judged by an independent client against a real server."""

# ruff: noqa: SIM117 - the outer block sets the scene, the inner one is who enters it

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import time
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.consoles.session import Waiting
from gateway.errors import Refused, StoreUnavailable
from gateway.policy.facts import EndCode
from gateway.viewing.socket import Socket
from tests.doubles.console_stage import CONSENT, ORIGIN, eventually, staged
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.rfbserver import FakeRfbServer

CONTROL, ALT, DELETE, LETTER_A = 0xFFE3, 0xFFE9, 0xFFFF, 0x61
RUNS = 150  # 500 on demand; the seed is fixed
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def typed(server: FakeRfbServer) -> list[int]:
    """The types of the input messages that the hypervisor was ever sent."""
    return [
        m.type for talk in server.conversations for m in talk.messages if m.type in (4, 5, 6, 255)
    ]


async def test_an_operator_sees_the_screen_and_types() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as viewer:
            await viewer.start()
            assert viewer.ws.subprotocol == "eva.rfb"
            assert (viewer.width, viewer.height, viewer.name) == (64, 48, b"fake")
            server.paint(8, 8, 16, 16, RED)
            await viewer.until(lambda: viewer.pixels and viewer.pixel(10, 10) == RED)
            talk = await server.connected()
            await viewer.key(True, LETTER_A)
            await viewer.key(False, LETTER_A)
            await viewer.pointer(5, 6, 1)
            await talk.until(lambda: talk.pointers)
            assert talk.keys == [(True, LETTER_A, None), (False, LETTER_A, None)]
            assert talk.pointers == [(5, 6, 1)]
        await eventually(lambda: stage.left == ["operator"])


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://gateway.example",
        "http://gateway.example:8443",
        "https://gateway.example:8443.evil.example",
        "https://evil.example",
        "https://GATEWAY.example:8443",
    ],
)
async def test_a_page_of_another_origin_gets_no_stream(origin: str | None) -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        with pytest.raises(InvalidStatus) as refused:
            async with stage.viewer("operator", origin=origin):
                pass
        assert refused.value.response.status_code == 403
        assert not server.conversations


async def test_old_clients_may_call_the_protocol_binary() -> None:
    protocols: Any = ["binary", "ticket.operator"]
    async with FakeRfbServer() as server, staged(server.port) as stage:
        origin: Any = ORIGIN
        async with connect(stage.url, origin=origin, subprotocols=protocols) as ws:
            assert ws.subprotocol == "binary"
            assert "Sec-WebSocket-Extensions" not in ws.response.headers  # no compression


async def test_who_is_refused_learns_why() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:

        async def refuse() -> None:
            raise Refused("ConsentExpired", "the consent has run out")

        stage.before_admitting = refuse
        async with stage.viewer("operator") as viewer:
            assert await viewer.closed() == 4403
            assert viewer.ws.close_reason == "the consent has run out"
        assert not server.conversations


async def test_who_is_refused_far_away_learns_it_too() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with FaultProxy(port=stage.port) as proxy:
            proxy.towards_client.latency = proxy.towards_server.latency = 0.05
            stage.port = proxy.port
            async with stage.viewer("tenant") as viewer:
                assert await viewer.closed() == 4503


async def test_who_watches_does_not_begin_a_session() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("tenant") as viewer:
            assert await viewer.closed() == 4503
        assert not server.conversations


@pytest.mark.rule(5)
async def test_who_may_only_watch_reaches_nothing() -> None:
    """Every client message there is: what noVNC says by itself is no violation, input is."""
    harmless = [
        b"\0\0\0\0" + struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 0, 8, 16),
        struct.pack(">BxH2i", 2, 2, 0, -312),  # SetEncodings
        struct.pack(">BBHHHH", 3, 0, 0, 0, 9, 9),  # FramebufferUpdateRequest
        struct.pack(">BBHHHH", 150, 1, 0, 0, 9, 9),  # EnableContinuousUpdates
        struct.pack(">B3xIB", 248, 1 << 31, 3) + b"abc",  # fence
        struct.pack(">BxHHBx", 251, 9, 9, 0),  # SetDesktopSize
    ]
    input_messages = [
        struct.pack(">BBxxI", 4, 1, LETTER_A),  # KeyEvent
        struct.pack(">BBHH", 5, 1, 3, 3),  # PointerEvent
        struct.pack(">BxxxI", 6, 3) + b"cut",  # ClientCutText
        struct.pack(">BBHII", 255, 0, 1, LETTER_A, 30),  # QEMU key
        struct.pack(">BxBB", 250, 1, 4),  # xvp: reset
    ]
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("tenant") as tenant:
            await operator.start()
            await tenant.start()
            await tenant.until(lambda: tenant.frames)
            for message in harmless * 20:
                await tenant.ws.send(message)
            for message in input_messages * 2:
                await tenant.ws.send(message)
            server.paint(0, 0, 4, 4, GREEN)
            await tenant.until(lambda: tenant.pixel(1, 1) == GREEN)  # ten: still there
            await tenant.ws.send(input_messages[0])
            assert await tenant.closed() == 4403
            assert typed(server) == []
            talk = await server.connected()
            await operator.key(True, LETTER_A)
            await talk.until(lambda: talk.keys)


@pytest.mark.parametrize("seed", range(5))
async def test_garbage_reaches_nothing(seed: int) -> None:
    noise = random.Random(seed)
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("guest") as guest:
            await operator.start()
            await guest.start()
            await guest.until(lambda: guest.frames)
            with contextlib.suppress(ConnectionClosed):
                for _ in range(200):
                    await guest.ws.send(noise.randbytes(noise.randrange(200)))
            assert await guest.closed() in (4403, 1006)
            assert typed(server) == []
            assert [p.name for p in stage.session.participants()] == ["operator"]


async def test_a_message_beyond_the_bound_ends_its_viewer_alone() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("tenant") as tenant:
            await operator.start()
            await tenant.start()
            await tenant.ws.send(b"\0" * (64 * 1024 + 1))
            assert await tenant.closed() in (1009, 1006)
            server.paint(0, 0, 4, 4, GREEN)
            await operator.until(lambda: operator.pixel(1, 1) == GREEN)


@pytest.mark.rule(9)
async def test_held_keys_go_up_when_the_operators_socket_dies() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as viewer:
            await viewer.start()
            talk = await server.connected()
            await viewer.key(True, CONTROL)
            await viewer.key(True, ALT)
            await viewer.pointer(3, 4, 1)
            await talk.until(lambda: talk.pointers)
            viewer.ws.transport.abort()
            dead = time.monotonic()
            await talk.until(lambda: len(talk.keys) == 4 and len(talk.pointers) == 2)
            assert time.monotonic() - dead < 0.2
            assert talk.keys[2:] == [(False, ALT, None), (False, CONTROL, None)]
            assert talk.pointers[-1] == (3, 4, 0)


@pytest.mark.rule(2)
@pytest.mark.parametrize(
    ("code", "close"),
    [(EndCode.WITHDRAWN, 4410), (EndCode.REVOKED, 4410), (EndCode.FINISHED, 4401)],
)
async def test_an_ended_consent_tells_every_viewer(code: EndCode, close: int) -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("tenant") as tenant:
            await operator.start()
            await tenant.start()
            await tenant.until(lambda: tenant.frames)
            talk = await server.connected()
            stage.end(code, "suspicious – enough")
            assert await operator.closed(1) == await tenant.closed(1) == close
            assert tenant.ws.close_reason == "suspicious – enough"
            await eventually(lambda: talk.closed, 1)
            assert stage.registry.get(CONSENT) is None


async def test_a_viewer_far_away_still_learns_why() -> None:
    """The reset that follows the close frame must not overtake it."""
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with FaultProxy(port=stage.port) as proxy:
            proxy.towards_client.latency = proxy.towards_server.latency = 0.05
            stage.port = proxy.port
            async with stage.viewer("operator") as operator:
                await operator.start()
                await operator.until(lambda: operator.frames)
                stage.end(EndCode.REVOKED)
                assert await operator.closed() == 4410


@pytest.mark.rule(2)
async def test_the_consents_end_cuts_live_streams_within_a_second() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as viewer:
            await viewer.start()
            talk = await server.connected()
            stage.clock.ahead = timedelta(hours=8)
            jumped = time.monotonic()
            assert await viewer.closed() == 4401
            await eventually(lambda: talk.closed)
            print(f"cut after {time.monotonic() - jumped:.2f} s")
            assert time.monotonic() - jumped < 1


async def test_a_lost_event_costs_two_seconds() -> None:
    """The store says withdrawn, and no bus tells."""
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as viewer:
            await viewer.start()
            stage.session_ended = EndCode.WITHDRAWN
            assert await viewer.closed(3) == 4410
            await eventually(lambda: stage.registry.get(CONSENT) is None)


async def test_a_right_that_ended_can_be_looked_for_at_once() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("guest") as guest:
            await operator.start()
            await guest.start()
            stage.ended["guest"] = EndCode.LINK_REVOKED
            stage.registry.check_now()
            assert await guest.closed(0.5) == 4410
            assert [p.name for p in stage.session.participants()] == ["operator"]


@pytest.mark.rule(10)
async def test_without_the_store_nobody_enters_and_nobody_is_cut() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            stage.store_down = StoreUnavailable("locked")
            async with stage.viewer("tenant") as tenant:
                assert await tenant.closed() == 1012
                assert tenant.received == 0
            stage.registry.check_now()
            server.paint(0, 0, 4, 4, BLUE)
            await operator.until(lambda: operator.pixel(1, 1) == BLUE)


@pytest.mark.rule(4)
async def test_ten_viewers_see_the_same_screen_over_one_upstream() -> None:
    noise = random.Random(7)
    async with FakeRfbServer() as server, staged(server.port) as stage:

        async def watch(who: str, after: float) -> None:
            await asyncio.sleep(after)
            async with stage.viewer(who) as viewer:
                await viewer.start()
                await viewer.until(lambda: viewer.pixel(63, 47) == BLUE)
                seen.append(viewer.digest)
                await done.wait()

        seen: list[str] = []
        done = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch("operator", 0))
            await server.connected()
            await eventually(lambda: stage.registry.get(CONSENT))
            for number in range(9):
                tasks.create_task(watch(f"guest{number}", noise.random() * 0.5))
            for _ in range(60):
                x, y = noise.randrange(48), noise.randrange(32)
                server.paint(x, y, 16, 16, tuple(noise.randbytes(3)))  # type: ignore[arg-type]
                await asyncio.sleep(0.01)
            server.paint(60, 44, 4, 4, BLUE)
            await eventually(lambda: len(seen) == 10)
            assert len(set(seen)) == 1
            assert server.live == 1
            done.set()


@pytest.mark.rule(1)
async def test_no_revocation_slips_between_the_decision_and_the_first_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The link is revoked at a random moment on the way in, after the store was read."""
    noise = random.Random(3)
    moments: list[str] = []
    send = Socket.send

    async def noted(self: Socket, data: bytes) -> None:
        moments.append("sent")
        await send(self, data)

    async def pause() -> None:
        moments.append("gate")
        await asyncio.sleep(noise.choice([0, 0, noise.random() * 0.004]))

    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
            monkeypatch.setattr(Socket, "send", noted)
            stage.before_admitting = stage.after_admitting = pause

            async def revoke(after: float) -> None:
                await asyncio.sleep(after)
                stage.registry.cut_viewers(
                    lambda viewer: viewer.name == "guest", stage.an_end(EndCode.LINK_REVOKED)
                )
                moments.append("revoked")

            found, delivered = {0: 0, 1: 0}, 0
            for _ in range(RUNS):
                moments.clear()
                async with stage.viewer("guest") as guest, asyncio.TaskGroup() as tasks:
                    tasks.create_task(revoke(noise.random() * 0.006))
                    with contextlib.suppress(ConnectionClosed):
                        await guest.start()
                    assert await guest.closed() in (4410, 1006)
                before, after = (
                    moments[: moments.index("revoked")],
                    moments[moments.index("revoked") :],
                )
                assert "sent" not in after
                found["sent" in before] += 1
                delivered += guest.frames if "sent" not in before else 0
            print(f"revoked before the first byte: {found[0]}, later: {found[1]}")
            assert 10 < found[0]
            assert delivered == 0
            assert [p.name for p in stage.session.participants()] == ["operator"]


async def test_nothing_is_left_after_fifty_visits() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
            tasks = len(asyncio.all_tasks())
            for number in range(50):
                async with stage.viewer("tenant") as tenant:
                    if number % 2:
                        await tenant.start()
                    if number % 3 == 0:
                        tenant.ws.transport.abort()
            await eventually(lambda: len(stage.left) == 50)
            await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
        stage.end()
        await eventually(lambda: server.live == 0)


async def test_fifty_sessions_leave_nothing() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        before = len(asyncio.all_tasks())
        for _ in range(50):
            async with stage.viewer("operator") as operator:
                await operator.start()
                await operator.until(lambda: operator.frames)
                stage.end()
                assert await operator.closed() == 4410
        await eventually(lambda: len(asyncio.all_tasks()) <= before)
        assert server.live == 0
        assert len(server.conversations) == 50


async def test_a_restart_is_told() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            await stage.registry.stop()
            assert await operator.closed() == 1012


async def test_a_tab_that_comes_back_takes_its_own_place() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator", "tab.abcdefgh") as first:
            await first.start()
            assert stage.session.view().controller == "abcdefgh"
            async with stage.viewer("operator", "tab.abcdefgh") as again:
                await again.start()
                await first.closed()
                (participant,) = stage.session.view().participants
                assert participant.id == "abcdefgh"
                assert participant.controls
        await eventually(lambda: not stage.session.participants())


async def test_a_stranger_cannot_take_a_tabs_place() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator", "tab.abcdefgh") as first:
            await first.start()
            async with stage.viewer("guest", "tab.abcdefgh") as guest:
                await guest.start()
                assert stage.session.view().controller == "abcdefgh"
                assert len(stage.session.participants()) == 2


async def test_a_viewer_that_takes_nothing_is_cut_as_too_slow(monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.consoles.viewer.STALL_SECONDS", 0.5)
    async with FakeRfbServer() as server, staged(server.port, waiting=Waiting()) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("guest") as guest:
            await operator.start()
            guest.answers_fences = True
            await guest.start()
            await guest.until(lambda: guest.continuous)
            await guest.until(lambda: guest.frames)
            guest.answers_fences = False
            for shade in range(5):
                server.paint(0, 0, 8, 8, (shade, 0, 0))
                await asyncio.sleep(0.02)
            assert await guest.closed() == 4408
            assert [p.name for p in stage.session.participants()] == ["operator"]
