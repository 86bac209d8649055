"""One measurement: viewers watch one side for a while; what they saw and what it cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import psutil

from tests.bench.clock import WRAP
from tests.bench.viewer import Account, Visit

_OLDEST: Final = 60_000  # milliseconds


@dataclass(frozen=True)
class Held:
    """Bytes of a process and its children: private, with a share of what others have too, all."""

    memory: int
    pss: int
    rss: int


@dataclass(frozen=True)
class Cost(Held):
    """What a process and its children took: cores, and memory at the end."""

    cores: float


@dataclass(frozen=True)
class Outcome:
    """One run: an account of each visit, seconds watched, and each process' cost by its name."""

    accounts: list[Account]
    seconds: float
    costs: dict[str, Cost]

    def frames(self) -> float:
        """Pictures a second of the slowest viewer that was there all the time."""
        return min(len(each.clocks) for each in self.accounts) / self.seconds

    def updates(self) -> float:
        """Updates a second of the slowest viewer."""
        return min(each.updates for each in self.accounts) / self.seconds

    def kilobytes(self) -> float:
        """A second, of the mean viewer."""
        return statistics.mean(each.received for each in self.accounts) / self.seconds / 1000

    def age(self, part: float) -> float:
        """Milliseconds: for that part of the time the shown picture was younger; worst viewer."""
        return max(shown_age(each, part) for each in self.accounts)

    def delays(self) -> list[float]:
        """Milliseconds from each key to its pixel."""
        return sorted(1000 * key for each in self.accounts for key in each.keys)


def shown_age(account: Account, part: float) -> float:
    """A quantile of how old the shown picture was, in milliseconds, over time.

    From one arrival to the next the shown picture grows older as time passes.
    """
    spans = []
    # One torn picture in 256 has the right check all the same.
    clocks = [each for each in account.clocks if (1000 * each[0] - each[1]) % WRAP < _OLDEST]
    if not clocks:
        return float("inf")
    ends = [when for when, _ in clocks[1:]] + [account.until]
    for (when, counter), end in zip(clocks, ends, strict=True):
        age = (1000 * when - counter) % WRAP
        spans.append((age, age + 1000 * (end - when)))
    total = part * sum(end - begin for begin, end in spans)
    low, high = 0.0, max(end for _, end in spans)
    for _ in range(40):
        middle = (low + high) / 2
        if sum(max(0.0, min(end, middle) - begin) for begin, end in spans) < total:
            low = middle
        else:
            high = middle
    return high


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which that part of `values` lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def measure(
    visits: Sequence[Visit], pids: dict[str, int] | Callable[[], dict[str, int]], seconds: float
) -> Outcome:
    """Let all visits watch for so long, and see what the processes named in `pids` spend."""
    asked = {"visits": [asdict(each) for each in visits], "seconds": seconds}
    found = pids if callable(pids) else lambda: pids
    return observe("tests.bench.viewer", asked, found, seconds)


def observe(
    program: str, asked: dict[str, Any], found: Callable[[], dict[str, int]], seconds: float
) -> Outcome:
    """Let `program` watch; what is `found` once it has begun is what pays."""
    watching = subprocess.Popen(
        [sys.executable, "-m", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdin is not None and watching.stdout is not None
    watching.stdin.write(json.dumps(asked) + "\n")
    watching.stdin.flush()
    assert watching.stdout.readline() == "started\n", "a viewer failed"
    pids = found()
    begun = time.monotonic()
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    elapsed = time.monotonic() - begun
    costs = {
        name: Cost(**asdict(held(pid)), cores=spent[name] / elapsed) for name, pid in pids.items()
    }
    # Only now, for whoever serves one viewer goes with it.
    watching.stdin.close()
    accounts = [Account(**each) for each in json.loads(watching.stdout.readline())]
    watching.wait(10)
    return Outcome(accounts, seconds, costs)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of the children that it has or had."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for child in process.children(recursive=True):
        # One that has ended is in the sum already.
        with suppress(psutil.NoSuchProcess):
            spent = child.cpu_times()
            total += spent.user + spent.system
    return float(total)


def held(pid: int) -> Held:
    """What a process and its children have."""
    process = psutil.Process(pid)
    private = proportional = resident = 0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found = each.memory_full_info()
            private, proportional = private + found.uss, proportional + found.pss
            resident += found.rss
    return Held(private, proportional, resident)
