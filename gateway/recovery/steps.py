"""Plans as data: steps, when each one runs, and what each answer to it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.recovery.calls import Accepted, Answer, Call, Declined, Done, Secret, secrets_of
from gateway.recovery.catalogue import Failure
from gateway.recovery.handlers import Handler
from gateway.recovery.kinds import ActionKind


@dataclass(frozen=True, slots=True)
class Exited:
    """The program ended with one of these codes."""

    codes: frozenset[int]

    def fits(self, answer: Answer) -> bool:
        return isinstance(answer, Done) and answer.exit_code in self.codes

    def words(self) -> str:
        return "exit code " + ", ".join(str(code) for code in sorted(self.codes))


@dataclass(frozen=True, slots=True)
class Took:
    """The agent did what it was told."""

    def fits(self, answer: Answer) -> bool:
        return isinstance(answer, Accepted)

    def words(self) -> str:
        return "accepted"


@dataclass(frozen=True, slots=True)
class Refused:
    """The agent did not do it, whatever it says about why."""

    def fits(self, answer: Answer) -> bool:
        return isinstance(answer, Declined)

    def words(self) -> str:
        return "declined"


@dataclass(frozen=True, slots=True)
class Holds:
    """A check of ours holds for the answer; `meaning` says which."""

    check: Callable[[Answer], bool] = field(repr=False)
    meaning: str

    def fits(self, answer: Answer) -> bool:
        return self.check(answer)

    def words(self) -> str:
        return self.meaning


@dataclass(frozen=True, slots=True)
class Anything:
    """Any answer at all."""

    def fits(self, answer: Answer) -> bool:  # noqa: ARG002 - it fits all of them
        return True

    def words(self) -> str:
        return "anything else"


Fit = Exited | Took | Refused | Holds | Anything


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer that fits means: the plan fails, or a finding is made, or just: go on."""

    fit: Fit
    finding: str | None = None
    failure: Failure | None = None


def exits(*codes: int) -> Exited:
    """An answer with one of these exit codes."""
    return Exited(frozenset(codes))


GOES_ON: Final = Reading(exits(0))


@dataclass(frozen=True, slots=True)
class Step:
    """One call to the guest agent.

    `changes`: False for a step that only looks, which may be asked again safely. It runs where all
    of `when` and none of `unless` were found by earlier steps. The first of `readings` that fits
    the answer counts; where none fits, the plan fails.
    """

    key: str
    title: str
    call: Call
    changes: bool
    readings: tuple[Reading, ...] = (GOES_ON,)
    when: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()

    def runs(self, findings: frozenset[str]) -> bool:
        """Whether it is to be asked, after these findings."""
        return self.when <= findings and not self.unless & findings


@dataclass(frozen=True, slots=True)
class Plan:
    """What an extension request asks of the guest, in order.

    `title` names no account and no secret. `done` is the handler's message when all went well;
    `failed(text)` frames what is to be said when a step's answer was not foreseen.
    """

    handler: Handler
    extension_name: str
    kind: ActionKind
    title: str
    steps: tuple[Step, ...]
    done: str
    failed: Callable[[str], Failure] = field(repr=False)

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret of its calls; no text about the plan may hold one of them."""
        return tuple(secret for step in self.steps for secret in secrets_of(step.call))
