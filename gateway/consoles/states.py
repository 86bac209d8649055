"""What a console session is doing, and the view of it that people and programs are given.

INVARIANT: a view's JSON names no address, no hypervisor and no id but the public ones, so that any
participant may be shown all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from gateway.consoles.participants import End, Part

# The backends' steps, in their order: "step 2 of 3: the hypervisor answered".
STEPS: Final = ("dialling", "answered", "authenticated")


@dataclass(frozen=True, slots=True)
class Connecting:
    """The first dial is under way; `step` is one of `STEPS`."""

    name: ClassVar[str] = "connecting"
    step: str
    since: datetime

    def as_json(self) -> dict[str, Any]:
        number = STEPS.index(self.step) + 1 if self.step in STEPS else 1
        return {
            "name": self.name,
            "step": self.step,
            "number": number,
            "steps": len(STEPS),
            "since": self.since.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Live:
    """The screen is shown as it is now."""

    name: ClassVar[str] = "live"
    since: datetime

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "since": self.since.isoformat()}


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The upstream is gone; `why` is the error's code. Keys pressed now are not sent.

    `words` are the error's own, which may name a host: for operators and admins, not in the JSON.
    """

    name: ClassVar[str] = "reconnecting"
    attempt: int
    retry_at: datetime
    why: str
    words: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "attempt": self.attempt,
            "retry_at": self.retry_at.isoformat(),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Off:
    """The VM is turned off: there is no screen to show."""

    name: ClassVar[str] = "off"
    retry_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "retry_at": self.retry_at.isoformat()}


@dataclass(frozen=True, slots=True)
class Taken:
    """Another console client took the screen outside the gateway."""

    name: ClassVar[str] = "taken"
    retry_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "retry_at": self.retry_at.isoformat()}


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over, for the reason given."""

    name: ClassVar[str] = "ended"
    end: End

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "end": self.end.as_json()}


ConsoleState = Connecting | Live | Reconnecting | Off | Taken | Ended


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """One viewer, as the others see them."""

    id: str
    name: str
    role: Part
    since: datetime
    may_type: bool
    controls: bool
    asks: bool  # waits for control to be given
    elsewhere: bool  # the same person controls from another tab: "open elsewhere"
    rtt_ms: float | None  # None until it was measured
    fps: float

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role.value,
            "since": self.since.isoformat(),
            "may_type": self.may_type,
            "controls": self.controls,
            "asks": self.asks,
            "elsewhere": self.elsewhere,
            "rtt_ms": self.rtt_ms,
            "fps": self.fps,
        }


@dataclass(frozen=True, slots=True)
class SessionView:
    """A console session at one moment, for pages, events and the API."""

    id: str
    consent_id: str
    vm: str  # the VM's name
    resource_id: str
    state: ConsoleState
    opened_at: datetime
    ends_at: datetime  # when the consent runs out
    at: datetime  # the gateway's clock, so that a page whose own clock is wrong counts right
    width: int
    height: int
    controller: str | None  # a participant's id
    control_since: datetime | None
    operator_left_at: datetime | None  # no operator is connected since then
    participants: tuple[ParticipantView, ...]

    def as_json(self) -> dict[str, Any]:
        """Nothing but strings, numbers, booleans, null, lists and objects."""
        return {
            "id": self.id,
            "consent_id": self.consent_id,
            "vm": self.vm,
            "resource_id": self.resource_id,
            "state": self.state.as_json(),
            "opened_at": self.opened_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "at": self.at.isoformat(),
            "width": self.width,
            "height": self.height,
            "controller": self.controller,
            "control_since": self.control_since and self.control_since.isoformat(),
            "operator_left_at": self.operator_left_at and self.operator_left_at.isoformat(),
            "participants": [participant.as_json() for participant in self.participants],
        }
