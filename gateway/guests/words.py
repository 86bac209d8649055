"""Text that a guest chose: bounded, and harmless wherever it is shown or kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_UNREADABLE: Final = "\N{REPLACEMENT CHARACTER}"
_SHORTEST_SECRET: Final = 4  # hiding every "a" would say what the secret is


def line(text: str, limit: int) -> str:
    """`text` on one line; control and reading-order characters show as U+FFFD."""
    return _readable(text[:limit], keep="")


def lines(text: str, limit: int) -> str:
    """A program's output, its ends of lines as Linux writes them; at most `limit` characters."""
    return _readable(text.replace("\r\n", "\n")[:limit], keep="\n\t")


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of the secrets hidden: an agent may say back what it was told."""
    for secret in secrets:
        if _SHORTEST_SECRET <= len(secret):
            text = text.replace(secret, "***")
    return text


def _readable(text: str, *, keep: str) -> str:
    return "".join(
        letter if letter.isprintable() or letter in keep else _UNREADABLE for letter in text
    )
