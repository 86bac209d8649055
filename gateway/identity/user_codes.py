"""User codes: what a person types to find the program that waits for them (RFC 8628 §6.1)."""

from __future__ import annotations

import secrets

# No vowels, so that no words come out; no digits, so that nothing looks alike.
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8  # 34 bits; guesses are counted, and a code lasts minutes


def new_user_code() -> str:
    """Return a fresh code, as it is kept."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def shown_user_code(kept: str) -> str:
    """Return a code as people see it, in two halves."""
    return f"{kept[: LENGTH // 2]}-{kept[LENGTH // 2 :]}"


def typed_user_code(text: str) -> str:
    """Return what was typed as a code is kept: whatever case, with or without the hyphen."""
    letters = (character for character in text[: 4 * LENGTH].upper() if character in LETTERS)
    return "".join(letters)[: LENGTH + 1]
