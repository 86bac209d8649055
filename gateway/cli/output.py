"""What commands print: JSON for programs, tables for people, and nothing that a terminal obeys."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")
]

Row = Mapping[str, Any]
PIPE_WIDTH: Final = 10_000

Column = tuple[str, Callable[[Row], str]]


def printable(text: str) -> str:
    """`text` without what could steer a terminal: control, format and bidi characters.

    VM names, reasons and guests' names are hostile text (SECURITY E5).
    """
    return "".join("\ufffd" if unicodedata.category(c).startswith("C") else c for c in text)


def print_json(value: object) -> None:
    """Print `value` as JSON; other than ASCII is escaped, control characters included."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line for a person, on standard output."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line for a person, on standard error: what programs must not read."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def print_table(rows: Sequence[Row], columns: Sequence[Column], *, empty: str) -> None:
    """A table of `rows`, or the sentence `empty` when there are none.

    Only the last column wraps: put what is long there.
    """
    if not rows:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    *short, long = columns
    for title, _ in short:
        table.add_column(title, no_wrap=True)
    table.add_column(long[0], overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(value(row))) for _, value in columns))
    # Into a pipe, a row is a line, however long.
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


def field(name: str) -> Callable[[Row], str]:
    """A column that shows one member; absent and null are a dash."""
    return lambda row: "–" if row.get(name) in (None, "") else str(row[name])


def moment(name: str) -> Callable[[Row], str]:
    """A column that shows a moment in the reader's own time zone."""
    return lambda row: local_time(row.get(name))


def remaining(name: str) -> Callable[[Row], str]:
    """A column that shows how long it is until a moment."""
    return lambda row: time_left(row.get(name), datetime.now(UTC))


def local_time(value: str | None) -> str:
    """An API moment (ISO 8601, UTC) as the reader's clock shows it."""
    return f"{_parse(value).astimezone():%Y-%m-%d %H:%M:%S}" if value else "–"


def time_left(value: str | None, now: datetime) -> str:
    """`7 h 59 min`, `59 s`, or `over`."""
    if not value:
        return "–"
    left = _parse(value) - now
    if left <= timedelta(0):
        return "over"
    minutes, seconds = divmod(int(left.total_seconds()), 60)
    if not minutes:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _parse(value: str) -> datetime:
    return datetime.fromisoformat(value)
