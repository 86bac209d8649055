"""Which passwords are good enough to choose (NIST SP 800-63B-4 §3.1.1.2). Pure.

Length is what counts: any characters, no composition rules. Refused is what every guesser tries
first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise

MIN_LENGTH = 12
MIN_LENGTH_ALONE = 15  # where the password is the only factor
MAX_LENGTH = 256

# The words of which leaked passwords are mostly made, and the rows of keyboards.
# Longest first: "password" before "pass".
COMMON_WORDS = sorted(
    files(__package__).joinpath("common_words.txt").read_text("utf-8").split(),
    key=len,
    reverse=True,
)
LOOKALIKES = str.maketrans("013457@$!", "oieastasi")
FEWEST_OWN_LETTERS = 4


def normalised(password: str) -> str:
    """Return the one spelling of a password that two keyboards may spell differently (NFC)."""
    return unicodedata.normalize("NFC", password)


def why_unsuitable(password: str, *, account_name: str, only_factor: bool) -> str | None:
    """Return a sentence on what is wrong with a password that somebody chose, or None."""
    password = normalised(password)
    least = MIN_LENGTH_ALONE if only_factor else MIN_LENGTH
    if len(password) < least:
        return f"use at least {least} characters; a few words in a row do well"
    if MAX_LENGTH < len(password):
        return f"use at most {MAX_LENGTH} characters"
    if _is_pattern(password):
        return "this repeats a short pattern or counts up; use something longer to guess"
    if _is_common(password, account_name):
        return "this is made of words that everybody tries first; add words of your own"
    return None


def _is_pattern(password: str) -> bool:
    # One piece of up to a third of the length, again and again: "abcabcabcabc".
    if re.fullmatch(r"(.+?)\1{2,}.{0,3}", password, re.DOTALL):
        return True
    steps = {ord(later) - ord(earlier) for earlier, later in pairwise(password)}
    return steps <= {1, -9} or steps <= {-1, 9}  # "abcdefghijkl", "123456789012"


def _is_common(password: str, account_name: str) -> bool:
    """Whether little is left once the common words and the account's own name are gone."""
    folded = password.casefold()
    words = [account_name.casefold(), *COMMON_WORDS]
    # "P4ssw0rd": read both ways, because a digit is as often just a digit.
    return any(
        _little_is_left(letters, words) for letters in (folded, folded.translate(LOOKALIKES))
    )


def _little_is_left(text: str, words: Sequence[str]) -> bool:
    found = False
    for word in words:
        if 3 <= len(word) and word in text:
            text, found = text.replace(word, " "), True
    return found and sum(character.isalpha() for character in text) < FEWEST_OWN_LETTERS
