"""The words of recoveries: every kind and every state has its own, and they are whole sentences."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.recovery import ActionState
from gateway.recovery.handlers import GuestOs
from gateway.recovery.kinds import ActionKind, kinds_for
from gateway.web.recovery_words import (
    STATES,
    headline,
    kind_of,
    lasting,
    not_offered,
    offer_of,
    offers_for,
)


def said(state: ActionState, **facts: bool) -> str:
    known = {"begun": False, "answered": False, **facts}
    return headline(ActionKind.SET_PASSWORD, "web01", state, by="Olga", **known).text


def test_a_running_recovery_is_told_in_the_tables_words() -> None:
    told = said(ActionState.SENT, begun=True, answered=True)
    assert told == "Resetting the password on web01: the guest agent accepted it, waiting"


def test_a_proposal_names_who_proposes_what_on_which_machine() -> None:
    assert said(ActionState.PROPOSED) == "Olga proposes: reset the password on web01"


@pytest.mark.parametrize("kind", ActionKind)
def test_each_state_of_each_kind_has_words_of_its_own(kind: ActionKind) -> None:
    texts = [
        headline(kind, "web01", state, begun=False, answered=False, by="Olga").text
        for state in ActionState
    ]
    assert len(set(texts)) == len(ActionState)
    assert all("web01" in text for text in texts)
    assert set(STATES) == set(ActionState)


def test_before_anything_was_asked_it_waits_and_then_it_asks() -> None:
    assert said(ActionState.REQUESTED).endswith("waiting for its turn, nothing is sent yet")
    assert said(ActionState.REQUESTED, begun=True).endswith("asking the guest agent")


@pytest.mark.parametrize("system", GuestOs)
def test_whatever_is_offered_says_what_will_happen(system: GuestOs) -> None:
    offers = offers_for(system)
    assert [offer.kind for offer in offers] == [kind.value for kind in kinds_for(system)]
    for offer in offers:
        assert offer.happens, offer.kind
        assert all(sentence.endswith(".") for sentence in offer.happens)


def test_windows_has_no_disk_function_and_says_so() -> None:
    assert offer_of("windows", "check_disk") is None
    assert offer_of("windows", "repair_disk") is None
    assert "no such function for Windows" in not_offered("windows")
    assert not_offered("linux") == ""


@given(st.text(max_size=40))
def test_an_unknown_word_is_a_kind_that_does_nothing(word: str) -> None:
    assert kind_of(word) in set(ActionKind)
    assert (kind_of(word) is ActionKind.NOTHING) == (word not in set(ActionKind) - {"nothing"})


@given(st.integers(-10, 400_000))
def test_a_time_that_runs_reads_back_as_its_seconds(seconds: int) -> None:
    text = lasting(timedelta(seconds=seconds))
    assert re.fullmatch(r"(\d+:)?\d{1,2}:\d\d", text)
    total = 0
    for part in text.split(":"):
        total = 60 * total + int(part)
    assert total == max(seconds, 0)
