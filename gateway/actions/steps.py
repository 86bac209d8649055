"""The steps of a recovery action as its row keeps them: what was asked, and how each stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final, Literal

StepState = Literal["waiting", "running", "done", "failed", "skipped", "unknown"]

MAX_MESSAGE: Final = 500


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step. Its words are the plan's; none of them holds a secret."""

    key: str
    title: str
    state: StepState = "waiting"
    began_at: datetime | None = None
    ended_at: datetime | None = None
    message: str = ""


def to_text(steps: Iterable[StepRecord]) -> str:
    """The steps as the JSON of a row."""
    return json.dumps([asdict(step) for step in steps], default=datetime.isoformat)


def from_text(text: str) -> tuple[StepRecord, ...]:
    """The steps that `to_text` wrote."""
    return tuple(
        StepRecord(
            **{
                **step,
                "began_at": _moment(step["began_at"]),
                "ended_at": _moment(step["ended_at"]),
            }
        )
        for step in json.loads(text)
    )


def begun(steps: Sequence[StepRecord], key: str, now: datetime) -> tuple[StepRecord, ...]:
    """The same with one step running."""
    return _with(steps, key, state="running", began_at=now)


def ended(
    steps: Sequence[StepRecord], key: str, state: StepState, now: datetime, message: str = ""
) -> tuple[StepRecord, ...]:
    """The same with one step over."""
    return _with(steps, key, state=state, ended_at=now, message=message[:MAX_MESSAGE])


def closed(
    steps: Iterable[StepRecord], running: StepState, now: datetime
) -> tuple[StepRecord, ...]:
    """The same with nothing left to do: what ran ends as `running`, what waited was skipped."""
    return tuple(
        replace(step, state=running, ended_at=now)
        if step.state == "running"
        else replace(step, state="skipped")
        if step.state == "waiting"
        else step
        for step in steps
    )


def _with(steps: Sequence[StepRecord], key: str, **changes: object) -> tuple[StepRecord, ...]:
    return tuple(
        replace(step, **changes) if step.key == key else step  # type: ignore[arg-type]
        for step in steps
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
