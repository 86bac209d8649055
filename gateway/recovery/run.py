"""The interpreter of plans: it hands out steps, is told the answers, and ends in one outcome."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.recovery.calls import Answer
from gateway.recovery.catalogue import Failure
from gateway.recovery.redaction import answer_in_words
from gateway.recovery.steps import Plan, Step


@dataclass(frozen=True, slots=True)
class Success:
    """The plan was carried out: the handler's message, and the titles of the steps that were."""

    message: str
    steps: tuple[str, ...] = ()


Outcome = Success | Failure


class Run:
    """One walk through a plan.

    INVARIANT: a step that changes the guest is handed out at most once, and none is after the
    outcome is known; the outcome, once known, stays.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._at = 0
        self._handed: Step | None = None
        self._findings: frozenset[str] = frozenset()
        self._done: tuple[str, ...] = ()
        self._outcome: Outcome | None = None
        self._settle()

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while there are steps to ask."""
        return self._outcome

    @property
    def findings(self) -> frozenset[str]:
        """What the answers so far have shown."""
        return self._findings

    def next(self) -> Step | None:
        """The step to ask now, None at the end. A looking step may be had again until answered.

        Raises:
            RuntimeError: a changing step was handed out and its answer not told; whoever lost the
                answer must give up, not ask again.
        """
        if self._outcome is not None:
            return None
        if self._handed is not None and self._handed.changes:
            raise RuntimeError(f"step {self._handed.key} was handed out and is not answered yet")
        self._handed = self._plan.steps[self._at]
        return self._handed

    def answered(self, step: Step, answer: Answer) -> None:
        """Take the answer to the step handed out last.

        Raises:
            ValueError: that step is not the one that is waited for.
        """
        if self._handed is None or step is not self._handed:
            raise ValueError(f"step {step.key} is not the one that is waited for")
        self._handed = None
        self._done += (step.title,)
        self._at += 1
        reading = next((r for r in step.readings if r.fit.fits(answer)), None)
        if reading is None:
            said = answer_in_words(answer, self._plan.secrets())
            self._outcome = self._plan.failed(f"{step.title}: {said}")
        elif reading.failure is not None:
            self._outcome = reading.failure
        else:
            self._findings |= {reading.finding} if reading.finding else frozenset()
            self._settle()

    def _settle(self) -> None:
        """Pass over the steps that do not apply; after the last one all is well."""
        steps = self._plan.steps
        while self._at < len(steps) and not steps[self._at].runs(self._findings):
            self._at += 1
        if self._at == len(steps):
            self._outcome = Success(self._plan.done, self._done)
