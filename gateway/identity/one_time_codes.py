"""Time-based one-time codes (RFC 6238): six digits, 30 s, by the server's clock alone."""

from __future__ import annotations

import hmac
from datetime import datetime

import pyotp

PERIOD = 30  # seconds
DIGITS = 6
DRIFT = 1  # steps that a phone's clock may be off, either way


def new_code_secret() -> str:
    """Return a fresh shared secret, in base 32: 160 bits (RFC 4226 §4, R6)."""
    return pyotp.random_base32()


def step_at(now: datetime) -> int:
    """Return the time step that `now` lies in (RFC 6238 §4.2)."""
    return int(now.timestamp()) // PERIOD


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step whose code this is, None where it is nobody's.

    The caller sees to it that each step is used once (RFC 6238 §5.2).
    """
    given = code.replace(" ", "").encode("utf-8", "replace")
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD)
    current = step_at(now)
    match = None
    # Every step is compared, the current one last: the time taken does not tell which it was.
    for step in sorted(
        range(current - DRIFT, current + DRIFT + 1), key=lambda step: -abs(step - current)
    ):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given):
            match = step
    return match


def provisioning_uri(secret: str, account_name: str, issuer: str) -> str:
    """Return the `otpauth:` address that an authenticator app reads from a QR code."""
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD)
    return generator.provisioning_uri(name=account_name, issuer_name=issuer)
