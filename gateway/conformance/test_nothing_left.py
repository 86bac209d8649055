"""A session that is over leaves no task, file, thread, process or temporary folder behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from gateway.backends import Upstream
from gateway.conformance.remains import Remains
from gateway.conformance.stage import Stage, baseline, check, ignore, still_alive
from gateway.errors import RfbError, UpstreamError
from gateway.inventory import Machine

_NEAREST = 0.002  # seconds after which a dial is first cancelled, and twice as many each time


def test_many_visits_leave_nothing(stage: Stage) -> None:
    """However often a console is opened and closed, nothing stays: no task, no file, no process.

    Mend: `close` of the upstream closes all that its dial opened, and waits until it is gone; what
    the garbage collector closes stays open until then.
    """
    before = baseline()

    async def visits() -> None:
        async with stage.shown():
            pass
        in_between = await _at_rest(stage)
        for _ in range(stage.limits.cycles):
            async with stage.shown():
                pass
            await stage.nothing_since(in_between, "after a visit")

    stage.run(visits)
    stage.nothing_dropped()
    left = baseline().since(before)
    assert not left, f"left behind when the backend was closed: {', '.join(left)}"


def test_a_dial_cancelled_anywhere_leaves_nothing(stage: Stage) -> None:
    """A dial may be cancelled wherever it waits, and in the moment in which its wait is over.

    It is the gateway's deadline, and whoever gives up. The cancellation is passed on, and nothing
    stays open.
    Mend: `try: … except BaseException: close what is open; raise` around everything between the
    first thing that is opened and the upstream that is returned. Never catch CancelledError, nor
    await anything slow on the way out.
    """

    async def sweep() -> None:
        async with stage.shown():
            pass
        before = await _at_rest(stage)
        for woken in (False, True):
            places = await _places(stage)
            for at in _spread(places, stage.limits.cancels):
                await _cancelled(stage, _At(at, woken=woken).dialling)
                await stage.nothing_since(before, _where(at, places, woken=woken))
        after = _NEAREST
        while await _cancelled(stage, None, after):
            await stage.nothing_since(before, f"by a dial cancelled after {after:g} s")
            after *= 2

    stage.run(sweep)
    stage.nothing_dropped()


@check
async def test_a_refused_dial_leaves_nothing(stage: Stage) -> None:
    """A dial that fails has closed what it opened, even while somebody holds on to the error.

    Mend: as for one that is cancelled.
    """
    wrong = stage.entry.at(desktop_name="no console calls itself so")
    first = await _failure(stage, wrong)
    before = await _at_rest(stage)
    kept = [await _failure(stage, wrong) for _ in range(3)]
    await stage.nothing_since(before, "by a dial that failed")
    assert first is not None and all(kept)


async def _failure(stage: Stage, machine: Machine) -> BaseException:
    error = await stage.refusal(machine)
    if error is None:
        pytest.skip("the kind does not look at desktop_name: no dial can be made to fail late")
    return error


async def _at_rest(stage: Stage) -> Remains:
    """What is there when a first visit is over: what the backend keeps for later ones with it."""
    found = baseline()
    for _ in range(100):
        await asyncio.sleep(0.02 * stage.limits.patience)
        last, found = found, baseline()
        if not found.since(last) and not last.since(found):
            break
    return found


class _At:
    """A dial that is cancelled where it waits for the `at`-th time; `places` counts them."""

    def __init__(self, at: int, *, woken: bool) -> None:
        """`woken`: not while it waits, but as soon as what it waits for is there."""
        self._at = at
        self._woken = woken
        self._dial: Awaitable[Upstream]
        self.places = 0
        self.cancel: Callable[[], object] = lambda: None

    async def dialling(self, dial: Awaitable[Upstream], cancel: Callable[[], object]) -> Upstream:
        self._dial, self.cancel = dial, cancel
        return await self

    def __await__(self) -> Generator[Any, Any, Upstream]:
        steps = self._dial.__await__()
        act: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        try:
            while True:
                waits_for = act()
                self._count(waits_for)
                try:
                    value = yield waits_for
                except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
                    act = _bound(steps.throw, error)
                else:
                    act = _bound(steps.send, value)
        except StopIteration as done:
            upstream: Upstream = done.value
            return upstream

    def _count(self, waits_for: Any) -> None:
        self.places += 1
        if self.places != self._at:
            return
        if self._woken and isinstance(waits_for, asyncio.Future):
            # Called before the task is woken: it finds its wait over and itself cancelled.
            waits_for.add_done_callback(lambda _: self.cancel())
        else:
            asyncio.get_running_loop().call_soon(self.cancel)


def _bound(act: Callable[[Any], Any], value: Any) -> Callable[[], Any]:
    return lambda: act(value)


async def _places(stage: Stage) -> int:
    """How often a dial waits."""
    counting = _At(0, woken=False)
    still_alive()
    upstream = await counting.dialling(
        stage.backend.dial(stage.entry.machine, ignore), lambda: None
    )
    await upstream.close()
    return counting.places


async def _cancelled(
    stage: Stage,
    dialling: Callable[[Awaitable[Upstream], Callable[[], object]], Awaitable[Upstream]] | None,
    after: float = 0.0,
) -> bool:
    """Whether the dial was cancelled before it had ended; without `dialling`, after a while."""
    still_alive()
    loop = asyncio.get_running_loop()
    cancelled_at = 0.0

    def cancel() -> None:
        nonlocal cancelled_at
        stage.note_children()
        if task.cancel():
            cancelled_at = loop.time()

    async def dial() -> Upstream:
        bare = stage.backend.dial(stage.entry.machine, ignore)
        return await (bare if dialling is None else dialling(bare, cancel))

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_outcome(dial))
        timer = None if dialling else loop.call_later(after, cancel)
        await asyncio.wait({task})
    if timer is not None:
        timer.cancel()
    if cancelled_at and not task.cancelled():
        outcome = task.result()
        if isinstance(outcome, Upstream):
            await outcome.close()
        pytest.fail(f"the cancellation was swallowed: the dial ended with {_said(outcome)}")
    took = loop.time() - cancelled_at
    assert not cancelled_at or took <= stage.limits.notice, f"the cancelled dial took {took:.1f} s"
    if not cancelled_at:
        outcome = task.result()
        if isinstance(outcome, Upstream):
            await outcome.close()
    return bool(cancelled_at)


async def _outcome(dial: Callable[[], Awaitable[Upstream]]) -> Upstream | Exception:
    # Called in here: a task may be cancelled before its first step.
    try:
        return await dial()
    except (UpstreamError, RfbError, OSError) as error:
        return error


def _said(outcome: object) -> str:
    return "a screen" if isinstance(outcome, Upstream) else f"{type(outcome).__name__}"


def _spread(places: int, most: int) -> list[int]:
    """At most `most` of the numbers 1 … `places`, evenly."""
    if places <= most:
        return list(range(1, places + 1))
    return sorted({1 + index * (places - 1) // max(1, most - 1) for index in range(most)})


def _where(at: int, places: int, *, woken: bool) -> str:
    moment = "as it went on from" if woken else "in"
    return f"by a dial cancelled {moment} wait {at} of {places}"
