"""Which passwords may be chosen: long ones, made of one's own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.password_rules import MAX_LENGTH, why_unsuitable


def refusal(password: str, *, name: str = "Ana", alone: bool = False) -> str | None:
    return why_unsuitable(password, account_name=name, only_factor=alone)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "tall grass 7",
        "кошка на крыше дома",
        "8362-9471-2290-1",
        "x7$Kq9!vRt2&",
        "😀 smile at the dog",
        "password managers grow on trees",
    ],
)
def test_long_passwords_of_ones_own_are_welcome(password: str) -> None:
    assert refusal(password) is None


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("x" * (MAX_LENGTH + 1), "at most"),
        ("aaaaaaaaaaaaaaa", "pattern"),
        ("abcabcabcabcabc", "pattern"),
        ("123456789012345", "pattern"),
        ("abcdefghijklmnop", "pattern"),
        ("987654321098765", "pattern"),
        ("Password2026!!!", "everybody"),
        ("P4ssw0rdP4ssw0rd", "everybody"),
        ("qwertyuiopasdfghjkl", "everybody"),
        ("Welcome-Admin-2026", "everybody"),
        ("anapassword1234", "everybody"),
    ],
)
def test_what_everybody_tries_first_is_refused(password: str, words: str) -> None:
    found = refusal(password)
    assert found is not None and words in found


def test_the_accounts_own_name_is_no_password() -> None:
    assert refusal("Contoso-Contoso-2026", name="Contoso") is not None
    assert refusal("Contoso-Contoso-2026", name="Fabrikam") is None


def test_alone_a_password_needs_fifteen_characters() -> None:
    assert refusal("fourteen chars", alone=False) is None
    assert refusal("fourteen chars", alone=True) is not None
    assert refusal("fifteen letters", alone=True) is None


@given(st.text(max_size=300), st.text(max_size=30))
def test_every_text_gets_a_verdict(password: str, name: str) -> None:
    found = refusal(password, name=name)
    assert found is None or found
    if len(password) < 6:
        assert found is not None


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=64, max_size=64))
def test_sixty_four_characters_are_allowed(password: str) -> None:
    found = refusal(password)
    assert found is None or "at most" not in found
