"""Why a WebSocket closes, as a code that the page understands."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from gateway.consoles.participants import End
from gateway.policy.facts import EndCode

MAX_REASON: Final = 123  # bytes, RFC 6455 §5.5


class CloseCode(IntEnum):
    """RFC 6455 §7.4.1, and private ones (§7.4.2) of ours."""

    NORMAL = 1000
    RESTARTING = 1012
    TRY_LATER = 1013
    CONSENT_ENDED = 4401
    NOT_ALLOWED = 4403
    TOO_SLOW = 4408
    TAKEN = 4409  # kept for pages that know it: a taken screen keeps its viewers and waits
    REVOKED = 4410
    UPSTREAM_GONE = 4503


_CODES: Final = {
    EndCode.EXPIRED: CloseCode.CONSENT_ENDED,
    EndCode.FINISHED: CloseCode.CONSENT_ENDED,
    EndCode.WITHDRAWN: CloseCode.REVOKED,
    EndCode.REVOKED: CloseCode.REVOKED,
    EndCode.SUBSCRIPTION_DISABLED: CloseCode.REVOKED,
    EndCode.SIGN_IN_ENDED: CloseCode.REVOKED,
    EndCode.LINK_REVOKED: CloseCode.REVOKED,
    EndCode.WORKSTATION_REVOKED: CloseCode.REVOKED,
    EndCode.VM_GONE: CloseCode.UPSTREAM_GONE,
    EndCode.LEFT: CloseCode.UPSTREAM_GONE,
    EndCode.TOO_SLOW: CloseCode.TOO_SLOW,
    EndCode.MISBEHAVED: CloseCode.NOT_ALLOWED,
    EndCode.RESTARTING: CloseCode.RESTARTING,
}


def close_code(code: EndCode) -> CloseCode:
    """The close code for an end."""
    return _CODES[code]


def close_reason(end: End) -> bytes:
    """A sentence where somebody gave one, else the end's own word."""
    return clipped(end.reason or end.code.value)


def clipped(reason: str) -> bytes:
    """UTF-8 that fits into a close frame, cut between characters."""
    return reason.encode()[:MAX_REASON].decode(errors="ignore").encode()
