"""What is measured: each section stands its screens and sides up, and says what it saw."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from tests.bench.guest import scrolling_guest
from tests.bench.link import linked
from tests.bench.measuring import Outcome, measure, quantile
from tests.bench.rdp import rdp
from tests.bench.rows import Plan, Row, at_least, at_most, interleaved, keys_quantile, median
from tests.bench.screen import Screen, painted_screen, painted_screens
from tests.bench.sides import SIDES, Side
from tests.bench.viewer import Visit

OURS: Final = "gateway"
PEER: Final = "websockify"
# QEMU looks for changes every 30 ms, later after it found none: it shows some 18 to 20 of these a
# second, on an idle machine.
GUEST_LINES: Final = 30


@dataclass(frozen=True)
class Far:
    """A link between a side and its viewers."""

    round_trip: float
    bits_per_second: float

    def __str__(self) -> str:
        return f"{self.round_trip * 1000:.0f} ms, {self.bits_per_second / 1e6:g} Mbit/s"


@contextmanager
def standing(name: str, ports: Sequence[int], viewers: int, far: Far | None) -> Iterator[Side]:
    """A side, reached through `far`."""
    with ExitStack() as stack:
        side = stack.enter_context(SIDES[name](ports, viewers))
        if far is not None:
            port = stack.enter_context(
                linked(side.port, round_trip=far.round_trip, bits_per_second=far.bits_per_second)
            )
            side = side.behind(port)
        yield side


def watched(
    name: str, screen: Screen, plan: Plan, *, viewers: int = 1, keys: float = 0.0,
    far: Far | None = None,
) -> Outcome:  # fmt: skip
    """One round of one side: all watch, the first one types."""
    with standing(name, [screen.port], viewers, far) as side:
        doors = side.doors(0, viewers)
        visits = [
            Visit(door, screen.clock.pitch, 0.0 if number else keys)
            for number, door in enumerate(doors)
        ]
        return measure(visits, _pids(screen, side), plan.seconds)


def ratio(
    what: str, found: dict[str, list[Outcome]], figure: Callable[[Outcome], float], most: float,
    against: str = PEER,
) -> Row:  # fmt: skip
    """Ours over the peer's, and whether that is at most `most`."""
    ours, peer = median(found[OURS], figure), median(found[against], figure)
    versus = "" if against == PEER else f" of {against}"
    return Row(what, ours, peer, f"<= {most:g}x{versus}", ours <= most * peer)


def server_cores(outcome: Outcome) -> float:
    return outcome.costs["server"].cores if "server" in outcome.costs else 0.0


def server_memory(outcome: Outcome) -> float:
    return outcome.costs["server"].memory


def all_cores(outcome: Outcome) -> float:
    return sum(cost.cores for cost in outcome.costs.values())


def typing(plan: Plan) -> Iterator[Row]:
    """From a key to the pixel that it changes."""
    longer = replace(plan, seconds=2 * plan.seconds)
    for workload in ("idle", "screens", "video"):
        idle = workload == "idle"
        against = "direct" if idle else PEER
        with painted_screen(workload) as screen:
            found = interleaved(
                (OURS, against), longer, lambda name: watched(name, screen, longer, keys=6)
            )
        for part, most in ((0.5, 1.15), (0.99, 1.5)) if idle else ((0.5, 1), (0.95, 1), (0.99, 1)):
            ours, peer = keys_quantile(found[OURS], part), keys_quantile(found[against], part)
            bar = f"<= {most:g}x of {against}"
            what = f"{workload}: key -> pixel p{100 * part:.0f}, ms"
            yield Row(what, ours, peer, bar, ours <= most * peer)


def single(plan: Plan) -> Iterator[Row]:
    """What one viewer costs, and how many bytes it is sent."""
    bytes_bars = {"lines": 1.1, "screens": 0.7, "desktop": 0.8, "video": 0.7}
    for workload, most in bytes_bars.items():
        with painted_screen(workload) as screen:
            found = interleaved((OURS, PEER), plan, lambda name: watched(name, screen, plan))
        yield ratio(f"{workload}: kB/s", found, Outcome.kilobytes, most)
        yield Row(
            f"{workload}: frames/s", median(found[OURS], Outcome.frames),
            median(found[PEER], Outcome.frames), "", None,
        )  # fmt: skip
        match workload:
            case "lines":
                yield ratio("lines: server, cores", found, server_cores, 2.0)
                yield ratio("lines: server + upstream, cores", found, all_cores, 1.2)
            case "screens":
                yield ratio("screens: server + upstream, cores", found, all_cores, 1.15)
            case "video":
                yield ratio("video: server + upstream, cores", found, all_cores, 1.6)
    with scrolling_guest(GUEST_LINES) as guest:
        found = interleaved((OURS, PEER), plan, lambda name: watched(name, guest, plan))
    ours, peer = (
        median(found[name], lambda each: each.kilobytes() / max(each.frames(), 1))
        for name in (OURS, PEER)
    )
    yield Row("QEMU, text scrolls: kB a frame", ours, peer, "<= 0.3x", ours <= 0.3 * peer)


def crowd(plan: Plan) -> Iterator[Row]:
    """Many viewers of one screen."""
    for workload, frames, age in (("screens", 19, 150), ("video", 24, 120)):
        with painted_screen(workload) as screen:
            found = interleaved(
                (OURS, PEER), replace(plan, rounds=max(1, plan.rounds - 1)),
                lambda name: watched(name, screen, plan, viewers=plan.crowd),
            )  # fmt: skip
        who = f"{workload}, {plan.crowd} viewers"
        slowest = [median(found[name], Outcome.frames) for name in (OURS, PEER)]
        oldest = [median(found[name], lambda each: each.age(0.95)) for name in (OURS, PEER)]
        yield at_least(f"{who}: frames/s of the slowest", slowest[0], frames, slowest[1])
        yield at_most(f"{who}: age p95 of the latest, ms", oldest[0], age, oldest[1])


def further(plan: Plan) -> Iterator[Row]:
    """What one more viewer costs: eight more, divided by eight."""
    for workload, most in (("lines", 0.5), ("screens", 1.2)):
        with painted_screen(workload) as screen:
            costs = {
                viewers: [watched(OURS, screen, plan, viewers=viewers) for _ in range(plan.rounds)]
                for viewers in (1, 9)
            }
        more = (median(costs[9], server_cores) - median(costs[1], server_cores)) / 8
        yield at_most(f"{workload}: a further viewer, % of a core", 100 * more, most)


def far(plan: Plan) -> Iterator[Row]:
    """Viewers at the end of a long or a thin link."""
    longer = replace(plan, seconds=max(plan.seconds, 8))
    good, farther, thin = Far(0.1, 20e6), Far(0.2, 20e6), Far(0.1, 2e6)
    with scrolling_guest(GUEST_LINES) as guest:
        found = interleaved(
            (OURS, PEER, "direct"), longer,
            lambda name: watched(
                name, guest, longer, keys=2, far=None if name == "direct" else good
            ),
        )  # fmt: skip
    here = median(found["direct"], Outcome.frames)
    ours, peer = (median(found[name], Outcome.frames) for name in (OURS, PEER))
    least = min(18.0, 0.95 * here)
    bar = f">= {least:.3g} ({here:.1f} near by)"
    yield Row(f"QEMU, {good}: frames/s", ours, peer, bar, least <= ours)
    ours, peer = (keys_quantile(found[name], 0.5) for name in (OURS, PEER))
    yield at_most(f"QEMU, {good}: key -> pixel p50, ms", ours, 140, peer)
    # So long that the first round trip, while nothing is known of the link, counts for little.
    longest = replace(plan, seconds=max(plan.seconds, 15))
    for link in (good, farther):
        with painted_screen("screens") as screen:
            found = interleaved(
                (OURS, PEER), longest, partial(watched, screen=screen, plan=longest, far=link)
            )
        frames = [median(found[name], Outcome.frames) for name in (OURS, PEER)]
        yield at_least(f"Xvnc screens, {link}: frames/s", frames[0], 19.5, frames[1])
        yield ratio(f"Xvnc screens, {link}: age p95, ms", found, lambda each: each.age(0.95), 1.05)
    with painted_screen("screens") as screen:
        found = interleaved(
            (OURS, PEER), longer, lambda name: watched(name, screen, longer, keys=2, far=thin)
        )
    ours, peer = (median(found[name], Outcome.frames) for name in (OURS, PEER))
    yield Row(f"Xvnc screens, {thin}: frames/s", ours, peer, ">= 2x", 2 * peer <= ours)
    ages = [median(found[name], lambda each: each.age(0.95)) for name in (OURS, PEER)]
    yield at_most(f"Xvnc screens, {thin}: age p95, ms", ages[0], 400, ages[1])
    keys = [keys_quantile(found[name], 0.95) for name in (OURS, PEER)]
    yield at_most(f"Xvnc screens, {thin}: key -> pixel p95, ms", keys[0], 400, keys[1])


def joining(plan: Plan) -> Iterator[Row]:
    """From dialling to a complete picture, for who comes to a screen that others watch."""
    for workload, most in (("idle", 30), ("screens", 60)):
        with painted_screen(workload) as screen:
            found: dict[str, list[float]] = {}
            for name in (OURS, PEER, "direct"):
                with standing(name, [screen.port], 2, None) as side:
                    first, other = side.doors(0, 2)
                    late = [
                        Visit(other, joins_after=0.3 + 0.4 * number, leaves_after=0.1)
                        for number in range(12)
                    ]
                    outcome = measure([Visit(first), *late], _pids(screen, side), 6)
                found[name] = [1000 * (each.opened or 99) for each in outcome.accounts[1:]]
        ours, peer = (quantile(found[name], 0.5) for name in (OURS, PEER))
        direct = quantile(found["direct"], 0.5)
        bar = f"<= {most} ({direct:.0f} direct)"
        yield Row(f"{workload}: late joiner p50, ms", ours, peer, bar, ours <= most)


def idle(plan: Plan) -> Iterator[Row]:
    """A screen on which nothing moves."""
    longer = replace(plan, seconds=max(10, plan.seconds))
    with painted_screen("idle") as screen:
        one = {name: watched(name, screen, longer) for name in (OURS, PEER)}
        many = {name: watched(name, screen, plan, viewers=33) for name in (OURS, PEER)}
    yield at_most(
        "idle session, 1 viewer, % of a core", 100 * server_cores(one[OURS]), 0.3,
        100 * server_cores(one[PEER]),
    )  # fmt: skip
    more = [
        (many[name].costs["server"].memory - one[name].costs["server"].memory) / 32 / 1024
        for name in (OURS, PEER)
    ]
    yield at_most("a further viewer, KiB", more[0], 100, more[1])


def stalled(plan: Plan) -> Iterator[Row]:
    """One viewer that stops reading, and what the others notice."""
    longer = replace(plan, seconds=max(20, plan.seconds))

    def once(what: str) -> Outcome:
        with standing(OURS, [screen.port], 4, None) as side:
            doors = side.doors(0, 4)
            visits = [Visit(door, keys_per_second=0 if at else 6) for at, door in enumerate(doors)]
            visits[3] = replace(visits[3], stalls=what == "one stalls")
            return measure(visits, _pids(screen, side), longer.seconds)

    with painted_screen("screens") as screen:
        found = interleaved(("all read", "one stalls"), longer, once)
    with_it, without = (keys_quantile(found[what], 0.95) for what in ("one stalls", "all read"))
    what = "key -> pixel p95 while another viewer stalls, ms"
    yield Row(what, with_it, without, "<= 1.1x of without", with_it <= 1.1 * without)
    grown = median(found["one stalls"], server_memory) - median(found["all read"], server_memory)
    yield at_most("what it holds for the stalled viewer, MiB", grown / (1 << 20), 8)


def many(plan: Plan) -> Iterator[Row]:
    """Many sessions, each with a viewer who types."""
    counts = {"one": 1, "all": plan.sessions}
    with painted_screens(plan.sessions, "idle") as screens:

        def once(who: str) -> Outcome:
            name, _, which = who.partition(", ")
            ports = [each.port for each in screens[: counts[which]]]
            with standing(name, ports, 1, None) as side:
                doors = [side.doors(number, 1)[0] for number in range(len(ports))]
                visits = [Visit(door, keys_per_second=5) for door in doors]
                return measure(visits, _pids(screens[0], side), plan.seconds)

        found = interleaved(
            [f"{name}, {each}" for each in counts for name in (OURS, PEER)], plan, once
        )
    who = f"{plan.sessions} sessions"
    for part in (0.5, 0.95):
        slow, quick = (
            {name: keys_quantile(found[f"{name}, {each}"], part) for name in (OURS, PEER)}
            for each in ("all", "one")
        )
        yield Row(f"{who}: key -> pixel p{100 * part:.0f}, ms", slow[OURS], slow[PEER], "", None)
        if part == 0.95:
            more = {name: slow[name] / quick[name] for name in slow}
            yield at_most(f"{who}: the same over that of 1 session", more[OURS], 1.3, more[PEER])
    more = {
        name: (
            median(found[f"{name}, all"], server_memory)
            - median(found[f"{name}, one"], server_memory)
        )
        / (plan.sessions - 1)
        / 1e6
        for name in (OURS, PEER)
    }
    framebuffer = 1280 * 800 * 4 / 1e6
    yield at_most(
        f"{who}: MB a session beyond its framebuffer", more[OURS] - framebuffer, 2, more[PEER]
    )
    ours, peer = (median(found[f"{name}, all"], server_cores) for name in (OURS, PEER))
    yield Row(f"{who}: server, cores", ours, peer, "<= 1.5x", ours <= 1.5 * peer)


def fidelity(plan: Plan) -> Iterator[Row]:
    """When the picture stands still, everybody shows what the X server shows, within a second."""
    for workload in ("lines", "screens", "desktop", "video"):
        with painted_screen(workload) as screen, ExitStack() as stack:
            side = stack.enter_context(standing(OURS, [screen.port], 3, None))
            port = stack.enter_context(linked(side.port, round_trip=0.1, bits_per_second=20e6))
            doors = [*side.doors(0, 2), side.behind(port).doors(0, 3)[2]]
            watching = [_full_viewer(door.__dict__) for door in doors]
            time.sleep(plan.seconds)
            os.kill(screen.painter, signal.SIGSTOP)
            time.sleep(1.0)
            truth = _screenshot(screen.display)
            exact = 0
            for process in watching:
                pixels, _ = process.communicate(b"now\n", 20)
                exact += pixels == truth
            os.kill(screen.painter, signal.SIGCONT)
        what = f"{workload}: viewers of {len(doors)} exact after 1 s"
        yield Row(what, exact, None, f">= {len(doors)}", exact == len(doors))


def _full_viewer(door: dict[str, object]) -> subprocess.Popen[bytes]:
    import json

    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.full_viewer", json.dumps(door)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n", "a viewer failed"
    return process


def _screenshot(name: str) -> bytes:
    """What an X server shows, three bytes R, G, B a pixel."""
    code = "from tests.bench.painter import screenshot; import sys; screenshot(sys.argv[1])"
    return subprocess.run(
        [sys.executable, "-c", code, name], check=True, stdout=subprocess.PIPE
    ).stdout


def _pids(screen: Screen, side: Side) -> dict[str, int]:
    pids = {"upstream": screen.pid}
    if side.pid is not None:
        pids["server"] = side.pid
    return pids


SECTIONS: Final[dict[str, Callable[[Plan], Iterator[Row]]]] = {
    "typing": typing,
    "single": single,
    "crowd": crowd,
    "further": further,
    "far": far,
    "joining": joining,
    "idle": idle,
    "stalled": stalled,
    "many": many,
    "fidelity": fidelity,
    "rdp": rdp,
}
