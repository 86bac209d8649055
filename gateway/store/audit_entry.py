"""One decision, as the audit log takes it: bounded, legible, canonical."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

MAX_TEXT = 512
MAX_DETAILS = 32

Outcome = Literal["allowed", "denied"]
Detail = str | int | bool | None

# Control, format (right-to-left overrides among them), surrogate, line and paragraph separators.
ILLEGIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which thing from where, and what the gateway said."""

    at: datetime
    actor: str  # the account's name, or what somebody claimed to be
    role: str
    address: str
    action: str  # such as `consent.request`
    target: str
    outcome: Outcome
    code: str = ""  # of the `Deny`
    reason: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)


def legible(text: str) -> str:
    """Return `text` without characters that hide or break lines, at most `MAX_TEXT` long."""
    # Cut first: the work is bounded too, however long the text.
    kept = (c for c in text[: 4 * MAX_TEXT] if unicodedata.category(c) not in ILLEGIBLE)
    return "".join(kept)[:MAX_TEXT]


def canonical(value: object) -> str:
    """Return `value` as the one JSON text that its equals share: sorted keys, ASCII, no spaces."""
    # A value of a type that was never written (bytes, in a tampered row) is shown, not fatal.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=repr)


def columns_of(entry: AuditEntry) -> dict[str, str]:
    """Return the texts that lie in the log and are hashed.

    Raises: ValueError for a moment without a time zone.
    """
    if entry.at.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return {
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": legible(entry.actor),
        "role": legible(entry.role),
        "address": legible(entry.address),
        "action": legible(entry.action)[:64],
        "target": legible(entry.target),
        "outcome": entry.outcome,
        "code": legible(entry.code),
        "reason": legible(entry.reason),
        "details": canonical(_details(entry.details)),
    }


def _details(details: Mapping[str, Detail]) -> dict[str, Detail]:
    return {
        legible(key): legible(value) if isinstance(value, str) else value
        for key, value in list(details.items())[:MAX_DETAILS]
    }
