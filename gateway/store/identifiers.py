"""Public ids: they name a row and open nothing."""

from __future__ import annotations

import secrets


def new_id() -> str:
    """Return a fresh id: 32 hexadecimal digits, 128 bits of randomness."""
    return secrets.token_hex(16)
