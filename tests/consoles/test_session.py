"""A console session against a hypervisor that fails in every way it can."""

# ruff: noqa: SIM117 - the outer block sets the scene, the inner one is who enters it

from __future__ import annotations

import asyncio
import json
import time
from io import BytesIO

import pytest
from PIL import Image

from gateway.consoles.link import Timing
from gateway.consoles.session import ConsoleSession, Waiting
from gateway.consoles.states import Ended, Live, Off, Reconnecting, SessionView, Taken
from gateway.errors import MachineOff, NotFound
from gateway.policy.facts import EndCode
from tests.doubles.console_stage import CONSENT, eventually, staged
from tests.doubles.faultproxy import FaultProxy
from tests.doubles.rfbserver import Conversation, FakeRfbServer

CONTROL, LETTER_A, LETTER_B = 0xFFE3, 0x61, 0x62
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)

HASTY = Waiting(
    operator_linger=0.3,
    link=Timing(
        first_retry=0.1, last_retry=0.3, off=0.2, taken=0.3, quiet=0.3, dead=0.3, settled=0.2
    ),
)
PATIENT = Waiting(link=HASTY.link)


async def becomes(session: ConsoleSession, state: type, within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        async for view in session.changes():
            if isinstance(view.state, state):
                return


# Outages


async def test_viewers_stay_through_a_reset_and_get_everything_back() -> None:
    async with FakeRfbServer() as server, FaultProxy(port=server.port) as proxy:
        async with staged(proxy.port, waiting=PATIENT) as stage:
            async with stage.viewer("operator") as operator, stage.viewer("tenant") as tenant:
                await operator.start()
                await tenant.start()
                await tenant.until(lambda: tenant.frames)
                await asyncio.sleep(0.3)  # it has settled
                proxy.reset()
                await becomes(stage.session, Reconnecting)
                server.paint(0, 0, 8, 8, RED)  # nobody sees this, yet
                await becomes(stage.session, Live)
                await tenant.until(lambda: tenant.pixel(1, 1) == RED)
                await operator.until(lambda: operator.digest == tenant.digest)
                assert server.live == 1
                assert proxy.accepted == 2


async def test_a_redialled_screen_of_another_size_is_followed() -> None:
    async with FakeRfbServer() as server, FaultProxy(port=server.port) as proxy:
        async with staged(proxy.port, waiting=PATIENT) as stage:
            async with stage.viewer("operator") as operator:
                await operator.start()
                await operator.until(lambda: operator.frames)
                proxy.reset()
                server.resize(100, 30)
                server.paint(0, 0, 8, 8, GREEN)
                await operator.until(lambda: (operator.width, operator.height) == (100, 30))
                await operator.until(lambda: operator.pixel(1, 1) == GREEN)
                view = stage.session.view()
                assert (view.width, view.height) == (100, 30)


async def test_an_unchanged_screen_costs_nothing_after_a_redial() -> None:
    async with FakeRfbServer(width=320, height=200) as server:
        async with FaultProxy(port=server.port) as proxy:
            async with staged(proxy.port, waiting=PATIENT) as stage:
                async with stage.viewer("operator") as operator:
                    await operator.start()
                    await operator.until(lambda: operator.frames)
                    before = operator.received
                    proxy.reset()
                    await server.connected(2)
                    await becomes(stage.session, Live)
                    server.paint(0, 0, 4, 4, BLUE)
                    await operator.until(lambda: operator.pixel(1, 1) == BLUE)
                    assert operator.received - before < 8192  # a full one is 256,000


async def test_a_black_hole_is_noticed_and_left() -> None:
    async with FakeRfbServer() as server, FaultProxy(port=server.port) as proxy:
        async with staged(proxy.port, waiting=PATIENT) as stage:
            async with stage.viewer("operator") as operator:
                await operator.start()
                await becomes(stage.session, Live)
                proxy.black_hole()
                await becomes(stage.session, Reconnecting, within=2)
                proxy.heal()
                await becomes(stage.session, Live)
                server.paint(0, 0, 8, 8, RED)
                await operator.until(lambda: operator.pixel(1, 1) == RED)
                await eventually(lambda: server.live == 1)


async def test_a_still_screen_is_no_black_hole() -> None:
    async with FakeRfbServer() as server, staged(server.port, waiting=PATIENT) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
            frames = operator.frames
            await asyncio.sleep(1.2)  # several signs of life
            assert isinstance(stage.session.state, Live)
            assert len(server.conversations) == 1
            assert operator.frames == frames  # and no viewer was bothered


async def test_one_byte_at_a_time_paints_the_same_screen() -> None:
    async with FakeRfbServer(width=16, height=8) as server:
        async with FaultProxy(port=server.port) as proxy:
            proxy.towards_client.slice_size = 1
            async with staged(proxy.port) as stage:
                async with stage.viewer("operator") as operator:
                    await operator.start()
                    server.paint(3, 2, 5, 4, RED)
                    await operator.until(lambda: operator.pixel(4, 3) == RED)
                    shown = b"".join(
                        bytes(operator.pixels[at : at + 3]) for at in range(0, 16 * 8 * 4, 4)
                    )
                    painted = b"".join(
                        bytes(server.pixels[at : at + 3]) for at in range(0, 16 * 8 * 4, 4)
                    )
                    assert shown == painted


@pytest.mark.rule(9)
async def test_what_is_typed_during_an_outage_is_dropped_and_what_was_held_goes_up() -> None:
    async with FakeRfbServer() as server, FaultProxy(port=server.port) as proxy:
        async with staged(proxy.port, waiting=PATIENT) as stage:
            async with stage.viewer("operator") as operator:
                await operator.start()
                first = await server.connected()
                await operator.key(True, CONTROL)
                await first.until(lambda: first.keys)
                await proxy.down()
                await becomes(stage.session, Reconnecting)
                await operator.key(True, LETTER_A)
                await operator.key(False, LETTER_A)
                await asyncio.sleep(0.05)
                await proxy.up()
                second = await server.connected(2)
                await second.until(lambda: second.keys)
                await operator.key(True, LETTER_B)
                await second.until(lambda: len(second.keys) == 2)
                assert second.keys == [(False, CONTROL, None), (True, LETTER_B, None)]


async def test_a_screen_that_somebody_else_took_is_asked_for_gently() -> None:
    """Let in and shown out again and again: that is how a hypervisor serves another client."""

    async def show_out(talk: Conversation) -> None:
        await talk.handshake()
        talk.close()

    async with FakeRfbServer(show_out) as server, staged(server.port, waiting=PATIENT) as stage:
        async with stage.viewer("operator"):
            await server.connected()
            await becomes(stage.session, Taken)
            taken = len(server.conversations)
            await asyncio.sleep(0.7)
            assert len(server.conversations) - taken <= 3  # one each 0.3 s; really each 22 s
            server.script = FakeRfbServer().script
            stage.session.retry()
            await becomes(stage.session, Live)


def test_a_taken_screen_is_disturbed_at_most_three_times_a_minute() -> None:
    assert 60 / Timing().taken <= 3


async def test_a_vm_that_is_off_says_so_and_is_asked_again() -> None:
    async with FakeRfbServer() as server, staged(server.port, waiting=PATIENT) as stage:
        dial, off = stage.registry._dial, True

        async def sometimes(machine: object, progress: object) -> object:
            if off:
                raise MachineOff("web01 is turned off")
            return await dial(machine, progress)  # type: ignore[arg-type]

        stage.registry._dial = sometimes  # type: ignore[assignment]
        async with stage.viewer("operator") as operator:
            await eventually(lambda: stage.registry.get(CONSENT))
            await becomes(stage.session, Off)
            off = False
            stage.session.retry()
            await operator.start()
            await becomes(stage.session, Live)


# Who is there


async def test_the_operator_may_come_back_and_watchers_know() -> None:
    async with FakeRfbServer() as server, staged(server.port, waiting=HASTY) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            async with stage.viewer("tenant") as tenant:
                await tenant.start()
                assert stage.session.view().operator_left_at is None
                await operator.ws.close()
                await eventually(lambda: stage.session.view().operator_left_at)
                async with stage.viewer("operator") as again:
                    await again.start()
                    assert stage.session.view().operator_left_at is None
                    await asyncio.sleep(0.5)
                    assert stage.session.end is None
                session = stage.session
                assert await tenant.closed(2) == 4503
                assert session.end is not None
                assert session.end.code is EndCode.LEFT
                await eventually(lambda: server.live == 0)


async def test_control_is_asked_for_and_given() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator1") as ana, stage.viewer("operator2") as bo:
            await ana.start()
            await bo.start()
            session, talk = stage.session, await server.connected()
            first, second = session.view().participants
            assert (first.controls, second.controls, second.elsewhere) == (True, False, False)
            assert session.ask_control(second.id) is False
            assert session.view().participants[1].asks
            await ana.key(True, CONTROL)
            await bo.key(True, LETTER_A)
            await talk.until(lambda: talk.keys)
            assert session.give_control(second.id) is True
            await bo.key(True, LETTER_B)
            await talk.until(lambda: len(talk.keys) == 3)
            assert talk.keys == [
                (True, CONTROL, None),
                (False, CONTROL, None),
                (True, LETTER_B, None),
            ]
            view = session.view()
            assert view.controller == second.id
            assert not view.participants[1].asks


async def test_a_second_tab_is_told_that_it_is_open_elsewhere_and_may_take_over() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as one, stage.viewer("operator") as two:
            await one.start()
            await two.start()
            session = stage.session
            second = session.view().participants[1]
            assert (second.controls, second.elsewhere) == (False, True)
            assert session.ask_control(second.id) is True
            assert session.view().participants[0].elsewhere


async def test_who_only_watches_is_never_given_control() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("tenant") as tenant:
            await operator.start()
            await tenant.start()
            session = stage.session
            watcher = session.view().participants[1]
            assert session.ask_control(watcher.id) is False
            assert session.give_control(watcher.id) is False
            assert session.view().controller == session.view().participants[0].id


async def test_changes_tell_who_came_what_happened_and_how_it_ended() -> None:
    seen: list[SessionView] = []
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()

            async def follow() -> None:
                async for view in stage.session.changes():
                    seen.append(view)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(follow())
                await eventually(lambda: seen)
                async with stage.viewer("guest") as guest:
                    await guest.start()
                    await eventually(lambda: len(seen[-1].participants) == 2)
                await eventually(lambda: len(seen[-1].participants) == 1)
                stage.end(EndCode.REVOKED, "wrong VM")
    last = seen[-1].state
    assert isinstance(last, Ended)
    assert (last.end.code, last.end.by, last.end.reason) == (EndCode.REVOKED, "tess", "wrong VM")


async def test_a_view_names_nothing_that_a_participant_may_not_know() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("guest") as guest:
            await operator.start()
            await guest.start()
            said = json.dumps(stage.session.view().as_json())
            for secret in ("127.0.0.1", str(server.port), "grant", "account", "link", "sign_in"):
                assert secret not in said


async def test_the_round_trip_and_the_frame_rate_are_measured() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            stage.session.view()
            started = time.monotonic()
            while time.monotonic() - started < 1.2:
                server.paint(0, 0, 4, 4, (int(time.monotonic() * 100) % 255, 1, 1))
                await asyncio.sleep(0.05)
            (view,) = stage.session.view().participants
            assert view.rtt_ms is not None
            assert 0 < view.rtt_ms < 100
            assert 10 < view.fps < 25


async def test_the_vms_clipboard_is_for_who_controls() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator, stage.viewer("tenant") as tenant:
            await operator.start()
            await tenant.start()
            await tenant.until(lambda: tenant.frames)
            talk = await server.connected()
            talk.send(b"\x03\0\0\0\0\0\0\x05hello" + b"\x02")  # ServerCutText, then Bell
            await operator.until(lambda: operator.clipboard == b"hello" and operator.bells)
            await tenant.until(lambda: tenant.bells)
            assert tenant.clipboard is None
            await operator.cut_text(b"paste")
            await talk.until(lambda: [m for m in talk.messages if m.type == 6])
            assert talk.messages[-1].raw.endswith(b"paste")


async def test_keys_are_delayed_never_dropped_and_moves_are_merged() -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            talk = await server.connected()
            started = time.monotonic()
            for number in range(150):
                await operator.key(True, 0x100 + number % 50)
                await operator.key(False, 0x100 + number % 50)
            for x in range(400):
                await operator.pointer(x % 60, 1)
            await operator.pointer(33, 44)
            await talk.until(lambda: (33, 44, 0) in talk.pointers)
            elapsed = time.monotonic() - started
            print(f"300 keys and 401 moves in {elapsed:.2f} s, {len(talk.pointers)} moves told")
            assert len(talk.keys) == 300
            assert len(talk.keys) + len(talk.pointers) <= 200 + 200 * elapsed + 5
            assert len(talk.pointers) < 300


async def test_a_thumbnail_shows_the_screen() -> None:
    async with FakeRfbServer(width=640, height=400) as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            server.paint(0, 0, 640, 400, RED)
            await operator.start()
            await operator.until(lambda: operator.frames)
            jpeg = await stage.session.thumbnail(320)
            assert jpeg is await stage.session.thumbnail(310)  # cached; few widths are made
            image = Image.open(BytesIO(jpeg))
            assert image.size == (320, 200)
            red, green, blue = image.convert("RGB").getpixel((9, 9))  # type: ignore[misc]
            assert 240 < red
            assert green + blue < 30
            session = stage.session
            stage.end()
            await session.closed.wait()
            with pytest.raises(NotFound):
                await session.thumbnail(320)


async def test_a_fault_in_one_session_ends_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeRfbServer() as server, staged(server.port) as stage:
        async with stage.viewer("operator") as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
            monkeypatch.setattr(stage.session, "happened", lambda _: 1 / 0)
            server.paint(0, 0, 4, 4, RED)
            assert await operator.closed() == 1012
        monkeypatch.undo()
        async with stage.viewer("operator") as operator:
            await operator.start()
            await operator.until(lambda: operator.frames)
