"""The rows that are printed, and how many rounds become one figure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.measuring import Outcome, quantile


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    rounds: int
    seconds: float
    crowd: int
    sessions: int


@dataclass(frozen=True)
class Row:
    """One figure of ours, the peer's where there is one, and the bar."""

    what: str
    ours: float
    peer: float | None
    bar: str
    met: bool | None


def interleaved(
    names: Sequence[str], plan: Plan, once: Callable[[str], Outcome]
) -> dict[str, list[Outcome]]:
    """The sides in turns: a noisy machine is noisy for all of them."""
    results: dict[str, list[Outcome]] = {name: [] for name in names}
    for _ in range(plan.rounds):
        for name in names:
            results[name].append(once(name))
    return results


def median(outcomes: Sequence[Outcome], figure: Callable[[Outcome], float]) -> float:
    """Of all rounds."""
    return statistics.median(map(figure, outcomes))


def at_most(what: str, ours: float, most: float, peer: float | None = None) -> Row:
    return Row(what, ours, peer, f"<= {most:g}", ours <= most)


def at_least(what: str, ours: float, least: float, peer: float | None = None) -> Row:
    return Row(what, ours, peer, f">= {least:g}", least <= ours)


def keys_quantile(outcomes: Sequence[Outcome], part: float) -> float:
    """Of all keys of all rounds, in milliseconds."""
    return quantile([key for each in outcomes for key in each.delays()], part)
