"""User codes (RFC 8628 §6.1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.user_codes import (
    LENGTH,
    LETTERS,
    new_user_code,
    shown_user_code,
    typed_user_code,
)


def test_a_code_is_eight_letters_out_of_which_no_word_comes() -> None:
    codes = {new_user_code() for _ in range(200)}
    assert len(codes) == 200
    assert {len(code) for code in codes} == {8}
    assert set("".join(codes)) == set(LETTERS)
    assert not set(LETTERS) & set("AEIOUY0123456789")


def test_people_see_two_halves() -> None:
    assert shown_user_code("BCDFGHJK") == "BCDF-GHJK"


@given(
    st.text(LETTERS, min_size=LENGTH, max_size=LENGTH), st.sampled_from(["-", " ", "", "–", "_"])
)
def test_a_code_is_found_however_it_is_typed(code: str, gap: str) -> None:
    shown = shown_user_code(code).replace("-", gap)
    assert typed_user_code(shown) == typed_user_code(shown.lower()) == code


@given(st.text(max_size=2000))
def test_whatever_is_typed_is_bounded(text: str) -> None:
    typed = typed_user_code(text)
    assert len(typed) <= LENGTH + 1
    assert set(typed) <= set(LETTERS)
