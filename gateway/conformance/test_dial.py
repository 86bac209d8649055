"""A console that works is shown, listened to and let go of."""

from __future__ import annotations

import asyncio

import pytest

from gateway.backends import Step, Upstream
from gateway.conformance.stage import Stage, check
from gateway.conformance.watching import Watching
from gateway.errors import RfbError, UpstreamError

_SHIFT, _SHIFT_SCANCODE = 0xFFE1, 0x2A  # types nothing
_PAUSE = 0.3
_MOMENT = 0.1
_ROUNDS = 5


@check
async def test_it_shows_a_first_picture(stage: Stage) -> None:
    """A dial ends within ten seconds, with a picture soon after it.

    Mend: ask the hypervisor for nothing that the screen does not need; see which step takes long.
    """
    async with stage.shown() as screen:
        width, height = screen.size
        assert 0 < width and 0 < height
        assert not screen.broken


@check
async def test_steps_are_told_in_their_order(stage: Stage) -> None:
    """Whoever waits is told once each: dialling, answered, authenticated.

    Mend: hand `progress` to `shake_hands`, or tell `Step.ANSWERED` when the hypervisor first
    answers and `Step.AUTHENTICATED` when the screen is let in. The gateway tells `Step.DIALLING`.
    """
    steps: list[Step] = []
    await (await stage.dial(progress=steps.append)).close()
    assert steps == [Step.DIALLING, Step.ANSWERED, Step.AUTHENTICATED]


@check
async def test_input_is_taken_and_the_stream_goes_on(stage: Stage) -> None:
    """The pointer and keys may be used at any moment, and pictures come after them.

    Mend: write what `write` is given at once and whole, in its order.
    """
    async with stage.shown() as screen:
        width, height = screen.size
        for x, y, buttons in ((0, 0, 0), (width - 1, height - 1, 0), (width // 2, height // 2, 0)):
            screen.point(x, y, buttons)
        screen.key(_SHIFT, _SHIFT_SCANCODE)
        await _answers(stage, screen)
        assert not screen.broken, screen.broken


@check
async def test_a_pause_holds_everything_back(stage: Stage) -> None:
    """Nothing is handed over between `pause` and `resume`, and nothing is lost.

    The parser pauses an upstream so that a large frame does not keep others waiting.
    Mend: keep what arrives after `pause` (and stop reading), hand it over first after `resume`.
    """
    async with stage.shown() as screen:
        for _ in range(_ROUNDS):
            before = screen.heard
            for _ in range(3):
                screen.ask_for_all()
            screen.pause()
            await asyncio.sleep(_PAUSE)
            assert screen.heard == before, "bytes were handed over while it was paused"
            screen.resume()
            await screen.until(lambda: before < screen.heard, stage.limits.picture)  # noqa: B023
            # A byte too few or too many, and the parser takes pixels for messages.
            await _answers(stage, screen)
        assert not screen.broken, screen.broken


@check
async def test_the_end_is_told_once_at_most_when_we_close(stage: Stage) -> None:
    """`ended` is told once at most, and nothing is handed over after it.

    Mend: forget both callbacks before you call `ended`.
    """
    async with stage.shown() as screen:
        screen.ask_for_all()
        await screen.close()
        await asyncio.sleep(_PAUSE)
        assert not screen.broken, screen.broken


@check
async def test_close_may_be_called_again(stage: Stage) -> None:
    """`close` ends within a second, does no harm the second time, and never raises.

    Mend: let `close` find out what is still open; what is slow is aborted rather than waited for.
    """
    loop = asyncio.get_running_loop()
    async with stage.shown() as screen:
        begun = loop.time()
        await screen.close()
        assert loop.time() - begun <= stage.limits.close, f"close took {loop.time() - begun:.1f} s"
        await screen.upstream.close()
    upstream = await stage.dial()
    await asyncio.gather(upstream.close(), upstream.close())
    upstream.pause()
    upstream.resume()
    upstream.write(b"")


@check
async def test_two_dials_at_once(stage: Stage) -> None:
    """Two dials of one console both work, or the second is refused in words.

    Mend: keep nothing of a dial in the backend; raise `UpstreamTaken` where somebody is there.
    """
    results = await asyncio.gather(stage.dial(), stage.dial(), return_exceptions=True)
    upstreams = [each for each in results if isinstance(each, Upstream)]
    errors = [each for each in results if isinstance(each, BaseException)]
    try:
        assert all(isinstance(each, UpstreamError | RfbError) and str(each) for each in errors), (
            f"neither a screen nor words: {errors}"
        )
        assert upstreams, f"neither works: {errors}"
        for each in upstreams:
            screen = Watching(each)
            try:
                await screen.until(lambda: screen.frames, stage.limits.picture)  # noqa: B023
            except (UpstreamError, RfbError, AssertionError) as error:
                if len(upstreams) == 1:
                    pytest.fail(f"the only screen shows nothing: {error}")
    finally:
        for each in upstreams:
            await each.close()


async def _answers(stage: Stage, screen: Watching) -> None:
    """Whoever is asked for the whole screen sends it."""
    before = screen.heard
    screen.ask_for_all()
    await screen.until(lambda: before < screen.heard and screen.whole, stage.limits.picture)
    await asyncio.sleep(_MOMENT)
    await screen.until(lambda: screen.whole, stage.limits.picture)
