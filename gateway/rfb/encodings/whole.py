"""What a decoder tells that painted a rect in one go."""

from __future__ import annotations

from typing import TypeAlias

from gateway.rfb.encodings.tight_content import TightContent

__all__ = ["Whole"]

# Where its bytes end, how much work it was beside its pixels, and what it was painted from.
Whole: TypeAlias = tuple[int, int, TightContent | None]
