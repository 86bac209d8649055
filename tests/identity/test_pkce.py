"""PKCE, S256 (RFC 7636)."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.pkce import challenge_of, is_challenge, verifies

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

UNRESERVED = string.ascii_letters + string.digits + "-._~"


def test_the_rfcs_own_example() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert verifies(VERIFIER, CHALLENGE)


@given(st.text(UNRESERVED, min_size=43, max_size=128), st.text(UNRESERVED, max_size=130))
def test_only_the_verifier_itself_verifies(verifier: str, other: str) -> None:
    challenge = challenge_of(verifier)
    assert is_challenge(challenge)
    assert verifies(verifier, challenge)
    assert verifies(other, challenge) is (other == verifier)


@pytest.mark.parametrize(
    "verifier", ["", "v" * 42, "v" * 129, "v" * 42 + "é", "v" * 42 + "+", "v" * 43 + "\n"]
)
def test_what_is_no_verifier_verifies_nothing(verifier: str) -> None:
    own = challenge_of(verifier) if verifier.isascii() else CHALLENGE
    assert not verifies(verifier, own)


@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    assert not verifies(text, text)
    assert is_challenge(text) is (len(text) == 43 and set(text) <= set(UNRESERVED) - set(".~"))
