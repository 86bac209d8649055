"""How a deployment comes to its end, whatever becomes of each of its resources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.deployment.progress import (
    ACTIVE,
    DeploymentState,
    Problem,
    Step,
    StepState,
    ready,
    state_after,
    steps_from_json,
    steps_to_json,
    under_way,
)

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
FAILED = Problem("VMExtensionProvisioningError", "it did not work", at_once=False)


def step(*needs: int, state: StepState = StepState.WAITING) -> Step:
    return Step("/id", "A.B/c", "name", needs, state)


@st.composite
def plans(draw: st.DrawFn) -> list[Step]:
    count = draw(st.integers(0, 7))
    needs = st.sets(st.integers(0, 6))
    return [step(*(n for n in draw(needs) if n < at)) for at in range(count)]


@given(plans(), st.randoms(use_true_random=False), st.booleans())
def test_every_deployment_ends(steps: list[Step], chance: object, cancel: bool) -> None:
    """Play it: begin what is ready, end what is under way as it pleases, in any order."""
    state, rounds = DeploymentState.RUNNING, 0
    ends = [StepState.SUCCEEDED, StepState.FAILED, StepState.CANCELED]
    while state in ACTIVE:
        rounds += 1
        assert rounds < 50, "it goes on and on"
        if cancel and rounds == 2:
            state = DeploymentState.CANCELING
        for index in ready(steps) if state is DeploymentState.RUNNING else []:
            needed = [steps[need] for need in steps[index].needs]
            assert all(each.state is StepState.SUCCEEDED for each in needed)
            steps[index] = steps[index].begun("operation", NOW)
        for index in under_way(steps):
            if chance.random() < 0.7:  # type: ignore[attr-defined]
                how = chance.choice(ends)  # type: ignore[attr-defined]
                steps[index] = steps[index].ended(how, NOW)
        state = state_after(state, steps)
    assert not under_way(steps)
    whole = all(each.state is StepState.SUCCEEDED for each in steps)
    assert (state is DeploymentState.SUCCEEDED) <= whole
    if state is DeploymentState.FAILED:
        assert not whole


def test_nothing_to_do_is_done() -> None:
    assert state_after(DeploymentState.RUNNING, []) is DeploymentState.SUCCEEDED


def test_what_needs_a_failure_is_never_begun_and_others_are() -> None:
    steps = [step(state=StepState.FAILED), step(0), step(1), step()]
    assert ready(steps) == [3]
    assert state_after(DeploymentState.RUNNING, steps) is DeploymentState.RUNNING
    steps[3] = step(state=StepState.SUCCEEDED)
    assert state_after(DeploymentState.RUNNING, steps) is DeploymentState.FAILED


def test_a_cancelled_one_waits_for_what_has_begun() -> None:
    steps = [step(state=StepState.RUNNING), step()]
    assert state_after(DeploymentState.CANCELING, steps) is DeploymentState.CANCELING
    steps[0] = step(state=StepState.SUCCEEDED)
    assert state_after(DeploymentState.CANCELING, steps) is DeploymentState.CANCELED


def test_what_is_over_stays_as_it_is() -> None:
    for state in set(DeploymentState) - ACTIVE:
        assert state_after(state, [step()]) is state


def test_steps_are_read_as_they_were_written() -> None:
    done = step(1, 2).begun("operation", NOW).ended(StepState.SUCCEEDED, NOW)
    failed = step().ended(StepState.FAILED, NOW, replace(FAILED, inner="Inner"))
    steps = (step(), done, failed)
    assert steps_from_json(steps_to_json(steps)) == steps
