"""What policy answers with: a value, never an exception."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Allow:
    """Yes."""


@dataclass(frozen=True, slots=True)
class Deny:
    """No: `code` is for programs and the audit log, `reason` is a sentence for people.

    `hidden`: the actor may not even learn that the thing exists, so the answer given outside is
    that of a missing thing; the audit log still gets `code` and `reason`.
    """

    code: str
    reason: str
    hidden: bool = field(default=False, kw_only=True)


Verdict = Allow | Deny
ALLOW = Allow()


def all_of(*verdicts: Verdict) -> Verdict:
    """The first denial, or leave when there is none."""
    for verdict in verdicts:
        if isinstance(verdict, Deny):
            return verdict
    return ALLOW


def unless(fault: bool, denial: Deny) -> Verdict:  # noqa: FBT001 - reads as a sentence
    """`denial` when there is `fault`."""
    return denial if fault else ALLOW
