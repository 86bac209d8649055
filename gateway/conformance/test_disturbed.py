"""The way to the console breaks, stalls, crawls: promised errors, the end told once, nothing left.

A relay of the suite's own stands before the entry's host and port.
"""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.backends import Upstream
from gateway.conformance.relay import Cut, Relay, Weather
from gateway.conformance.remains import Remains
from gateway.conformance.stage import PROMISED, Stage, baseline, check
from gateway.conformance.watching import Watching
from gateway.errors import RfbError, UpstreamError
from gateway.inventory import Machine

_SILENCE = 1.0  # seconds of it before a dial is given up
_SLOW = 0.25  # seconds each way


@check
@pytest.mark.parametrize("how", list(Cut), ids=lambda how: how.value)
async def test_the_way_is_cut_while_dialling(stage: Stage, how: Cut) -> None:
    """Wherever the connection breaks, a dial raises UpstreamError, RfbError or OSError, at once;
    where it falls silent, the dial can be given up. Nothing stays open.

    Mend: take what libraries raise for broken connections (and half answers) to an
    `UpstreamUnreachable`, in words; close what is open in an `except BaseException`.
    """
    async with stage.relayed() as (relay, machine):
        await (await stage.dial(machine)).close()
        whole = relay.passed
        await relay.emptied(stage.limits.settle)
        before = await _quiet_baseline()
        for at in _places(whole, stage.limits.cuts):
            relay.begin(Weather(cut=how, cut_at=at))
            await _dial_into(stage, machine, how, f"{how.value} after {at} of {whole} bytes")
            await _nothing_open(stage, relay, before, f"by a dial {how.value} at byte {at}")
    stage.note_children()


@check
@pytest.mark.parametrize("how", [Cut.RESET, Cut.CLOSE, Cut.HALF_CLOSE], ids=lambda how: how.value)
async def test_the_way_is_cut_while_shown(stage: Stage, how: Cut) -> None:
    """The end of a console that is shown is told once, within two seconds, and `close` does no harm
    after it.

    Mend: tell `ended` from the callback in which the connection is lost, None where the other end
    closed, an UpstreamError where it broke.
    """
    async with stage.relayed() as (relay, machine):
        before = await _quiet_baseline()
        async with stage.shown(machine) as screen:
            _need_screen_behind(relay)
            relay.cut(how)
            try:
                await screen.ended(stage.limits.notice)
            except TimeoutError:
                pytest.fail(f"nobody was told that the connection was {how.value}")
            await asyncio.sleep(0.2)
            await _closed_in_time(stage, screen)
            await asyncio.sleep(0.2)
            assert not screen.broken, screen.broken
            assert len(screen.ends) == 1
        await _nothing_open(stage, relay, before, f"by a console that was {how.value}")


@check
async def test_the_way_falls_silent_while_shown(stage: Stage) -> None:
    """Nobody tells that a console fell silent; `close` ends all the same, and leaves nothing.

    Mend: abort the connection when it has not closed within 200 ms.
    """
    async with stage.relayed() as (relay, machine):
        before = await _quiet_baseline()
        async with stage.shown(machine) as screen:
            _need_screen_behind(relay)
            relay.cut(Cut.SILENCE)
            screen.ask_for_all()
            await asyncio.sleep(0.2)
            await _closed_in_time(stage, screen)
            assert not screen.broken, screen.broken
        await _nothing_open(stage, relay, before, "by a console that fell silent")


@check
async def test_byte_by_byte(stage: Stage) -> None:
    """A stream has no messages: whatever is cut in pieces is shown as if it were whole.

    Mend: read by lengths and never by what one `read` happened to return.
    """
    async with stage.relayed() as (relay, machine):
        relay.begin(Weather(sliced=True))
        async with stage.shown(machine) as screen:
            assert not screen.broken


@check
async def test_a_slow_way(stage: Stage) -> None:
    """With half a second for each question and its answer, there is a picture or a promised error.

    Mend: ask for less before the screen, or at once rather than one after another.
    """
    async with stage.relayed() as (relay, machine):
        before = await _quiet_baseline()
        relay.begin(Weather(delay=_SLOW))
        try:
            async with stage.shown(machine):
                pass
        except (UpstreamError, RfbError):
            pass  # in words, and in time
        await _nothing_open(stage, relay, before, "by a console that is far away")


@check
async def test_nobody_listens(stage: Stage) -> None:
    """A host that refuses the connection is told as UpstreamError or OSError.

    Mend: let the OSError of the connection through; the gateway words it.
    """
    if stage.entry.console.port is None:
        pytest.skip("the console has no port")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = await stage.refusal(stage.entry.at(host="127.0.0.1", port=port))
    assert error is not None, "the dial found a console where nobody listens"


@check
async def test_a_host_that_is_not_there(stage: Stage) -> None:
    """A name that nobody can resolve is told as UpstreamUnreachable, or as another promised error.

    Mend: find addresses by `Dialler.addresses` (or `find_site`).
    """
    if stage.entry.console.host is None:
        pytest.skip("the console has no host")
    # RFC 6761 §6.4: this name resolves nowhere.
    error = await stage.refusal(stage.entry.at(host="nobody.invalid"))
    assert error is not None, "the dial found a console at a name that does not resolve"


async def _dial_into(stage: Stage, machine: Machine, how: Cut, where: str) -> None:
    silent = how is Cut.SILENCE
    begun = asyncio.get_running_loop().time()
    try:
        upstream: Upstream | None = await stage.dial_bare(machine, _SILENCE if silent else None)
    except PROMISED as error:
        upstream = None
        given_up = isinstance(error, TimeoutError) and error.__cause__ is not None
        assert silent or not given_up, f"not noticed until the deadline: {where}"
    except Exception as error:  # noqa: BLE001 - which one it is, is what is asked
        name = f"{type(error).__name__}: {str(error)[:200]}"
        pytest.fail(f"the dial raised {name}, which is not promised: {where}", pytrace=False)
    took = asyncio.get_running_loop().time() - begun
    limit = _SILENCE + stage.limits.notice if silent else stage.limits.deadline
    if upstream is not None:
        await upstream.close()  # what was cut off was not needed
    assert took <= limit, f"the dial took {took:.1f} s: {where}"


def _need_screen_behind(relay: Relay) -> None:
    """Skips where the API handed out another place for the screen than its own."""
    if not relay.live:
        pytest.skip("the screen itself does not come by the entry's host and port")


async def _closed_in_time(stage: Stage, screen: Watching) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await screen.close()
    took = loop.time() - begun
    assert took <= stage.limits.close, f"close took {took:.1f} s"


async def _nothing_open(stage: Stage, relay: Relay, before: Remains, when: str) -> None:
    assert await relay.emptied(stage.limits.settle), f"a connection is left open {when}"
    await stage.nothing_since(before, when)


async def _quiet_baseline() -> Remains:
    await asyncio.sleep(0.1)  # the relay's own connections are gone by then
    return baseline()


def _places(whole: int, count: int) -> list[int]:
    """Numbers of bytes from none to nearly all, closer together where the connection begins."""
    steps = max(1, count - 1)
    return sorted({int((whole - 1) * (index / steps) ** 2) for index in range(count)})
