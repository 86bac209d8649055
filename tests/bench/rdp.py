"""Consoles behind RDP: the whole gateway beside a plain xfreerdp on an X server of its own.

Both are told the same options and show the same screens, in turns. The plain client's X server runs
already when it dials; ours starts one for each console.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from tests.backends.rdp.servers import RdpServer, Shadow, Xrdp
from tests.bench.measuring import Cost, Outcome, held, measure, observe
from tests.bench.painter import HEIGHT, WIDTH
from tests.bench.plain import plain_client
from tests.bench.rows import Plan, Row, at_most, interleaved, keys_quantile, median
from tests.bench.screen import painting
from tests.bench.sides import gateway_side
from tests.bench.viewer import Visit
from tests.bench.window import right, shared_pixels
from tests.hypervisor.xservers import Xvnc

OURS: Final = "gateway"
PLAIN: Final = "xfreerdp"
SERVERS: Final[dict[str, Callable[[Path, Xvnc], RdpServer]]] = {
    "xrdp": Xrdp,
    "shadow TLS": partial(Shadow, nla=False),
    "shadow NLA": partial(Shadow, nla=True),
}
_START_SECONDS: Final = 1.5
_PATIENCE: Final = 30.0
_MEGA: Final = 1e6


@dataclass(frozen=True)
class Stage:
    """An RDP server, and the X server that it shows."""

    name: str
    server: RdpServer
    behind: Xvnc


def rdp(plan: Plan) -> Iterator[Row]:
    """A gateway's RDP consoles; beside it plain xfreerdp with an X server."""
    for name in SERVERS:
        with staged(name) as stage:
            yield starting(stage, plan)
            yield from typing(stage, plan)
            for workload in ("lines", "video"):
                yield from moving(stage, workload, plan)


@contextmanager
def staged(name: str) -> Iterator[Stage]:
    """A server of that kind, before a screen of 1280x800."""
    with tempfile.TemporaryDirectory(prefix="eva-bench-") as folder:
        # xrdp would give the X server its client's first size.
        behind = Xvnc(Path(folder), "-AcceptSetDesktopSize=0", size=f"{WIDTH}x{HEIGHT}")
        try:
            server = SERVERS[name](Path(folder), behind)
            try:
                yield Stage(name, server, behind)
            finally:
                server.stop()
        finally:
            behind.stop()


def starting(stage: Stage, plan: Plan) -> Row:
    """From dialling to the picture, a page of text that stands still."""
    found: dict[str, list[float]] = {OURS: [], PLAIN: []}
    with (
        painting(stage.behind.display, "screens") as painter,
        tempfile.NamedTemporaryFile() as file,
    ):
        painter.send_signal(signal.SIGSTOP)
        try:
            truth = stage.behind.screendump()
            file.write(truth.tobytes())
            file.flush()
            for _ in range(2 * plan.rounds):
                found[OURS].append(_our_start(stage, file.name))
                found[PLAIN].append(_plain_start(stage, truth))
        finally:
            painter.send_signal(signal.SIGCONT)
    ours, plain = (statistics.median(found[name]) for name in (OURS, PLAIN))
    return at_most(f"{stage.name}: dial -> right picture, s", ours, _START_SECONDS, plain)


def _our_start(stage: Stage, truth: str) -> float:
    with gateway_side([stage.server.port], pin=stage.server.pin) as side:
        (door,) = side.doors(0, 1)
        said = subprocess.run(
            [sys.executable, "-m", "tests.bench.full_viewer", json.dumps(door.__dict__), truth],
            check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
    return float(said.stdout)


def _plain_start(stage: Stage, truth: np.ndarray) -> float:
    blue_first = truth.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    with plain_client() as client:
        shown = shared_pixels(client.screen)
        begun = time.monotonic()
        client.dial(stage.server)
        while not right(shown, blue_first):
            assert time.monotonic() < begun + _PATIENCE, "xfreerdp does not show it"
            time.sleep(0.005)
        return time.monotonic() - begun


def typing(stage: Stage, plan: Plan) -> Iterator[Row]:
    """From a key to the pixel that it changes, on a screen where nothing else does."""
    longer = replace(plan, seconds=2 * plan.seconds)
    with painting(stage.behind.display, "idle"):
        found = interleaved((OURS, PLAIN), plan, partial(watched, stage, plan=longer, keys=6))
    for part in (0.5, 0.99):
        ours, plain = (keys_quantile(found[name], part) for name in (OURS, PLAIN))
        yield Row(f"{stage.name}: key -> pixel p{100 * part:.0f}, ms", ours, plain, "", None)


def moving(stage: Stage, workload: str, plan: Plan) -> Iterator[Row]:
    """What is seen of a screen that moves, and what that costs."""
    with painting(stage.behind.display, workload):
        found = interleaved((OURS, PLAIN), plan, partial(watched, stage, plan=plan, keys=2))
    for what, figure in _FIGURES.items():
        ours, plain = (median(found[name], figure) for name in (OURS, PLAIN))
        yield Row(f"{stage.name}, {workload}: {what}", ours, plain, "", None)
    ours, plain = (keys_quantile(found[name], 0.5) for name in (OURS, PLAIN))
    yield Row(f"{stage.name}, {workload}: key -> pixel p50, ms", ours, plain, "", None)


def watched(stage: Stage, name: str, *, plan: Plan, keys: float) -> Outcome:
    """One round of one side."""
    if name == PLAIN:
        with plain_client() as client:
            client.dial(stage.server)
            asked = {
                "display": client.display, "screen": str(client.screen), "seconds": plan.seconds,
                "keys_per_second": keys,
            }  # fmt: skip
            return observe("tests.bench.window", asked, lambda: client.pids, plan.seconds)
    with gateway_side([stage.server.port], pin=stage.server.pin) as side:
        assert side.pid is not None
        before = held(side.pid)
        visit = Visit(side.doors(0, 1)[0], keys_per_second=keys)
        outcome = measure([visit], partial(_programs, side.pid), plan.seconds)
        costs = dict(outcome.costs)
        all_of_it, console = costs.pop("all of it"), costs.pop("console")
        costs["gateway"] = Cost(
            *(
                max(0, getattr(all_of_it, each) - getattr(console, each) - getattr(before, each))
                for each in ("memory", "pss", "rss")
            ),
            cores=all_of_it.cores - console.cores,
        )
        return replace(outcome, costs=costs)


def _programs(gateway: int) -> dict[str, int]:
    """The processes of a gateway with one console."""
    found = {each.name(): each for each in psutil.Process(gateway).children(recursive=True)}
    return {
        "xfreerdp": found["xfreerdp"].pid, "X server": found["Xvnc"].pid,
        "console": found["xfreerdp"].ppid(), "all of it": gateway,
    }  # fmt: skip


def _cores(outcome: Outcome) -> float:
    return sum(each.cores for each in outcome.costs.values())


_FIGURES: Final[dict[str, Callable[[Outcome], float]]] = {
    "pictures/s": Outcome.frames,
    "age p50, ms": lambda each: each.age(0.5),
    "age p95, ms": lambda each: each.age(0.95),
    "cores, all of it": _cores,
    "cores, xfreerdp": lambda each: each.costs["xfreerdp"].cores,
    "cores, X server": lambda each: each.costs["X server"].cores,
    "MB a session (PSS)": lambda each: sum(c.pss for c in each.costs.values()) / _MEGA,
    "MB a session (RSS)": lambda each: sum(c.rss for c in each.costs.values()) / _MEGA,
}
