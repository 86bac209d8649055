"""The interpreter of plans, against guests that answer anything at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recovery import logs
from gateway.recovery.calls import Accepted, Answer, Declined, Done, Secret, Told
from gateway.recovery.handlers import WINDOWS
from gateway.recovery.plan import Failure, Plan, Run, Success, describe
from gateway.recovery.redaction import WITHHELD, shown
from tests.recovery.golden_plans import REQUESTS
from tests.recovery.samples import DEBIAN, ED25519, PASSWORD, SERVER_2022, linux, planned, windows

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)

PLANS = {
    **{name: planned(request) for name, request in REQUESTS.items()},
    "linux-everything": planned(
        linux(
            {"repair_disk": "true", "disk_name": "data"},
            {
                "username": "ana",
                "password": PASSWORD,
                "ssh_key": ED25519,
                "expiration": "2027-01-31",
                "reset_ssh": "true",
            },
        )
    ),
    "nothing": planned(linux({})),
}

# The password in base64, and in base64 of UTF-16LE.
IN_BASE64 = ["VHIwbWJvbmUtU2FmZnJvbi03MQ==", "VAByADAAbQBiAG8AbgBlAC0AUwBhAGYAZgByAG8AbgAtADcAMQA="]

# What a hostile guest says: anything, and the secret that it was told, in any dress.
said = st.text(max_size=40) | st.sampled_from(
    [
        PASSWORD,
        f"chpasswd: {PASSWORD}: too short",
        f"<b>{PASSWORD}</b>",
        PASSWORD.upper(),
        "x" * 290 + PASSWORD,
        ED25519,
        "\n" * 400 + ED25519,
        json.dumps({"password": PASSWORD}),
        *IN_BASE64,
    ]
)
answers: st.SearchStrategy[Answer] = st.one_of(
    st.builds(
        Done,
        st.none() | st.sampled_from([0, 0, 0, 0, 1, 12, 20, 21, 22, 23, 24, 25, -1, 2**40]),
        said,
        said,
        st.booleans(),
    ),
    st.just(Accepted()),
    st.builds(Declined, said, said),
    st.sampled_from([Told(SERVER_2022), Told(DEBIAN)]),
    st.builds(Told, st.dictionaries(st.sampled_from(["id", "pretty-name"]), said | st.none())),
)  # fmt: skip


class Walk:
    """One run, with all that is said about it on the way."""

    def __init__(self, plan: Plan, draw: Any) -> None:
        self.plan, self.run = plan, Run(plan)
        self.asked: list[str] = []
        self.changed: list[str] = []
        self.texts = [plan.title, repr(plan), json.dumps(describe(plan))]
        lines = [*logs.started(plan, "2.4.11", NOW)]
        while (step := self.run.next()) is not None:
            assert self.run.outcome is None
            self.asked.append(step.key)
            if step.changes:
                self.changed.append(step.key)
            answer = draw(step)
            lines += [*logs.asked(step, NOW), *logs.answered(plan, step, answer, NOW)]
            self.run.answered(step, answer)
            self.texts += [step.title, repr(step), repr(self.run.findings)]
        assert self.run.outcome is not None
        self.outcome = self.run.outcome
        lines += logs.ended(self.outcome, NOW)
        self.lines = [line.text for line in lines]
        self.texts += [*self.lines, repr(self.outcome), repr(self.run)]


@pytest.mark.parametrize("name", PLANS)
@given(data=st.data())
def test_any_answers_end_in_one_outcome_and_nothing_is_repeated(
    name: str, data: st.DataObject
) -> None:
    plan = PLANS[name]
    walk = Walk(plan, lambda step: data.draw(answers))
    assert isinstance(walk.outcome, Success | Failure)
    assert len(set(walk.asked)) == len(walk.asked)
    order = [step.key for step in plan.steps]
    assert walk.asked == [key for key in order if key in walk.asked]
    # Once known, the outcome stays, and nothing more is asked.
    before = walk.run.outcome
    assert walk.run.next() is None
    assert walk.run.outcome is before


SECRETIVE = [name for name in PLANS if PLANS[name].secrets()]


@pytest.mark.parametrize("name", SECRETIVE)
@given(data=st.data())
def test_no_text_about_a_run_holds_a_secret(name: str, data: st.DataObject) -> None:
    walk = Walk(PLANS[name], lambda step: data.draw(answers))
    hidden = [secret.reveal() for secret in PLANS[name].secrets()]
    hidden += IN_BASE64 if PASSWORD in hidden else []
    for text in walk.texts:
        for secret in hidden:
            assert secret.casefold() not in text.casefold()
    for line in walk.lines:
        assert line.isprintable()
        assert len(line) < 1000


@pytest.mark.parametrize("name", PLANS)
def test_keys_and_titles_of_a_plan_are_its_steps_own(name: str) -> None:
    steps = PLANS[name].steps
    assert len({step.key for step in steps}) == len(steps)
    assert len({step.title for step in steps}) == len(steps)


def test_a_look_may_be_had_again_until_it_is_answered() -> None:
    run = Run(PLANS["linux-check-disk"])
    step = run.next()
    assert step is run.next()
    assert step is not None
    assert not step.changes


def test_a_change_is_handed_out_once() -> None:
    run = Run(PLANS["linux-check-disk"])
    look = run.next()
    assert look is not None
    run.answered(look, Told(DEBIAN))
    change = run.next()
    assert change is not None
    assert change.changes
    with pytest.raises(RuntimeError, match="not answered yet"):
        run.next()
    run.answered(change, Done(0))
    assert run.next() is None
    assert run.outcome == Success("Enable succeeded.", (look.title, change.title))


def test_an_answer_belongs_to_the_step_that_was_handed_out() -> None:
    plan = PLANS["linux-check-disk"]
    run = Run(plan)
    with pytest.raises(ValueError, match="not the one"):
        run.answered(plan.steps[0], Told(DEBIAN))
    first = run.next()
    assert first is not None
    with pytest.raises(ValueError, match="not the one"):
        run.answered(plan.steps[1], Done(0))
    run.answered(first, Told(DEBIAN))
    with pytest.raises(ValueError, match="not the one"):
        run.answered(first, Told(DEBIAN))


def test_nothing_to_do_is_done_at_once() -> None:
    assert Run(PLANS["nothing"]).outcome == Success("Enable succeeded.")


def test_a_failure_ends_the_run_where_it_happened() -> None:
    plan = planned(windows({"username": "ana"}, {"password": PASSWORD}))
    usual = {"system": Told(SERVER_2022), "password": Done(23)}
    walk = Walk(plan, lambda step: usual.get(step.key, Done(0)))
    assert walk.asked[-1] == "password"
    assert isinstance(walk.outcome, Failure)
    assert walk.outcome.code == "VMExtensionProvisioningError"
    assert plan.handler is WINDOWS


class TestShown:
    """What a guest says is shown as one short line, or not at all."""

    def test_it_is_one_line_without_control_characters(self) -> None:
        assert shown("a\r\n\x1b[31mb\tc\u202e", ()) == "a [31mb c"

    def test_it_is_bounded(self) -> None:
        assert shown("a" * 1000, (), limit=10) == "aaaaaaaaa…"
        assert shown("a" * 10, (), limit=10) == "a" * 10

    @pytest.mark.parametrize(
        "secret", ["p\"ss'w\\rd<&>", "zwei  Wörter", "tab\tbed", "ünïcödé", "a", "💡💡"]
    )
    def test_a_secret_in_any_spelling_withholds_it_all(self, secret: str) -> None:
        for text in (secret, f"x{secret}y", json.dumps(secret), json.dumps([secret, 1]),
                     f"it is {' '.join(secret.split())}", secret.upper()):  # fmt: skip
            assert shown(text, [Secret("other"), Secret(secret)]) == WITHHELD

    def test_a_blank_secret_withholds_nothing(self) -> None:
        assert shown("a b", [Secret(" "), Secret("")]) == "a b"

    @given(st.text(), st.text(min_size=1, max_size=5).filter(str.strip))
    def test_no_text_gets_a_secret_past(self, text: str, secret: str) -> None:
        line = shown(text, [Secret(secret)])
        assert line == WITHHELD or secret not in line
