"""What policy answers with: a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allow:
    """Yes."""


@dataclass(frozen=True, slots=True)
class Deny:
    """No: `code` is for programs and the audit log, `reason` is a sentence for people."""

    code: str
    reason: str


Verdict = Allow | Deny
ALLOW = Allow()
