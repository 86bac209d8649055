"""`make bench`: this gateway beside websockify, in turns, in front of the same screens; and its RDP
consoles beside a plain xfreerdp (`rdp`).

Ratios of medians within one run are what to look at: absolute times say more of the machine.
`python -m tests.bench --only crowd,far` measures less, `--rounds` and `--seconds` more.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from tests.bench.sections import SECTIONS, Plan, Row


def table(title: str) -> Table:
    drawn = Table(title=title, title_justify="left")
    for heading in ("", "gateway", "beside", "ratio", "bar", "met"):
        drawn.add_column(heading, justify="right" if heading else "left")
    return drawn


def add(drawn: Table, row: Row) -> None:
    """One row, its figures in as many places as say something."""
    peer = "" if row.peer is None else f"{row.peer:.4g}"
    ratio = f"{row.ours / row.peer:.2f}" if row.peer else ""
    met = "" if row.met is None else "yes" if row.met else "NO"
    drawn.add_row(row.what, f"{row.ours:.4g}", peer, ratio, row.bar, met)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--crowd", type=int, default=32)
    parser.add_argument("--sessions", type=int, default=64)
    arguments = parser.parse_args()
    plan = Plan(arguments.rounds, arguments.seconds, arguments.crowd, arguments.sessions)
    console = Console(width=100)
    for name in arguments.only.split(","):
        section = SECTIONS[name]
        drawn = table(f"{name}: {section.__doc__}")
        for row in section(plan):
            add(drawn, row)
        console.print(drawn)


if __name__ == "__main__":
    main()
