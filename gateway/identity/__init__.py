"""Identity: who someone is, never what they may do."""

from gateway.identity.identity import Identity
from gateway.identity.secrets import digest_of, new_secret, same_digest
from gateway.identity.sign_ins import (
    SIGN_IN_COOKIE,
    VISIT_COOKIE,
    Lifetime,
    lifetime_of,
    why_over,
    worth_touching,
)

__all__ = [
    "SIGN_IN_COOKIE",
    "VISIT_COOKIE",
    "Identity",
    "Lifetime",
    "digest_of",
    "lifetime_of",
    "new_secret",
    "same_digest",
    "why_over",
    "worth_touching",
]
