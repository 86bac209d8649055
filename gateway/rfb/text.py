"""Text that the other end chose."""

from __future__ import annotations


def printable(data: bytes | memoryview) -> str:
    """UTF-8 on one line; malformed, control and reading-order characters show as U+FFFD."""
    # Some servers send the final zero of their C string along.
    text = str(data, "utf-8", "replace").rstrip("\0")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
