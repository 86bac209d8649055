"""`make bench`: this gateway and websockify side by side, in turns, in front of one Xvnc.

Prints frames/s a viewer, kB/s a viewer and cores used, for 1 and for 8 viewers of scrolling text.
The two take turns within one run, so that a noisy machine is noisy for both; the ratios of the
medians are what to look at.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench.screen import Screen, scrolling_screen
from tests.bench.sides import Side, gateway_side, websockify_side


@dataclass(frozen=True)
class Figures:
    """One round of one side."""

    frames: float  # a second, the slowest viewer's
    kilobytes: float  # a second, the mean viewer's
    cores: float  # the server under measurement
    upstream_cores: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of the children that it has or had."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        spent = child.cpu_times()
        total += spent.user + spent.system
    return float(total)


def measure(side: Side, screen: Screen, viewers: int, seconds: float) -> Figures:
    """Let `viewers` watch for `seconds`."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.viewer", str(seconds)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdin is not None and watching.stdout is not None
    watching.stdin.write(json.dumps([asdict(door) for door in side.doors(viewers)]) + "\n")
    watching.stdin.close()
    assert watching.stdout.readline().strip() == "started"
    begun = time.monotonic()
    before = cpu_seconds(side.pid), cpu_seconds(screen.pid)
    counts = json.loads(watching.stdout.readline())
    elapsed = time.monotonic() - begun
    after = cpu_seconds(side.pid), cpu_seconds(screen.pid)
    watching.wait(10)
    return Figures(
        frames=min(count["frames"] for count in counts) / seconds,
        kilobytes=statistics.mean(count["received"] for count in counts) / seconds / 1000,
        cores=(after[0] - before[0]) / elapsed,
        upstream_cores=(after[1] - before[1]) / elapsed,
    )


def rounds(screen: Screen, viewers: int, count: int, seconds: float) -> dict[str, list[Figures]]:
    """The two sides in turns."""
    results: dict[str, list[Figures]] = {"gateway": [], "websockify": []}
    for _ in range(count):
        for stand in (
            lambda: gateway_side(screen.port, viewers),
            lambda: websockify_side(screen.port),
        ):
            with ExitStack() as stack:
                side = stack.enter_context(stand())
                results[side.name].append(measure(side, screen, viewers, seconds))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--lines", type=float, default=60, help="lines a second that scroll by")
    arguments = parser.parse_args()
    console = Console()
    for viewers in (1, 8):
        with scrolling_screen(arguments.lines) as screen:
            results = rounds(screen, viewers, arguments.rounds, arguments.seconds)
        title = f"{viewers} viewer(s), {arguments.lines:g} lines/s, median of {arguments.rounds}"
        console.print(table(title, results))


ROWS: tuple[tuple[str, Callable[[Figures], float]], ...] = (
    ("frames/s, slowest viewer", lambda f: f.frames),
    ("kB/s a viewer", lambda f: f.kilobytes),
    ("cores, server alone", lambda f: f.cores),
    ("cores, upstream", lambda f: f.upstream_cores),
    ("cores, both", lambda f: f.cores + f.upstream_cores),
)


def table(title: str, results: dict[str, list[Figures]]) -> Table:
    drawn = Table(title=title, title_justify="left")
    for heading in ("", "gateway", "websockify", "ratio"):
        drawn.add_column(heading, justify="right" if heading else "left")
    for name, figure in ROWS:
        ours, theirs = (
            statistics.median(map(figure, results[side])) for side in ("gateway", "websockify")
        )
        ratio = f"{ours / theirs:.2f}" if theirs else "-"
        drawn.add_row(name, f"{ours:.3f}", f"{theirs:.3f}", ratio)
    return drawn


if __name__ == "__main__":
    main()
