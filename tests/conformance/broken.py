"""All of the broken kinds, as entry points name them."""

from __future__ import annotations

from tests.conformance import broken_dials, broken_kinds, broken_networks
from tests.conformance.breaking import BROKEN

__all__ = ["BROKEN", "broken_dials", "broken_kinds", "broken_networks"]

Loud = broken_kinds.Loud
globals().update({f"kind_{scheme}": kind for scheme, (kind, _, _) in BROKEN.items()})
