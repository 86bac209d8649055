"""Values from outside: what comes through is legible, bounded and can be stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.actions.inputs import clipped, known_id, line, storable
from gateway.errors import InvalidInput

anything = st.text(st.characters(), max_size=200)


@given(anything)
def test_a_line_is_legible_and_bounded_or_refused(text: str) -> None:
    try:
        result = line("field", text, 50)
    except InvalidInput:
        return
    assert 1 <= len(result) <= 50
    assert result.replace(" ", "x").isprintable() or any(0xE000 <= ord(c) for c in result)
    assert result == " ".join(result.split())
    assert line("field", result, 50) == result


@given(anything)
def test_what_is_clipped_is_never_refused(text: str) -> None:
    result = clipped(text, 20)
    assert len(result) <= 20
    result.encode()


@given(anything)
def test_what_is_storable_can_be_stored(text: str) -> None:
    result = storable(text)
    result.encode()
    assert "\0" not in result


@given(anything)
def test_nothing_but_an_id_is_an_id(text: str) -> None:
    assert known_id(text) is None


@pytest.mark.parametrize(
    ("text", "known"), [("0af" + "1" * 29, True), ("A" * 32, False), ("1" * 32 + "\n", False)]
)
def test_an_id_is_32_hexadecimal_digits(text: str, known: bool) -> None:
    assert (known_id(text) == text) is known
