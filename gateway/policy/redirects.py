"""Where a browser may carry an authorization code: to a program on the person's own machine."""

from __future__ import annotations

import re

MAX_PORT = 65535

# RFC 8252 §7.3, §8.3: loopback, any port. Strict, because browsers and parsers disagree about the
# rest: no user, no query, no fragment, nothing escaped.
_LOOPBACK = re.compile(
    r"(http://(?:localhost|127\.0\.0\.1|(\[::1\]))(?::([0-9]{1,5}))?)(?:/[A-Za-z0-9._~/-]{0,200})?"
)


def loopback_origin(redirect_uri: str) -> str | None:
    """Return `http://host[:port]` of an address on the person's own machine, else None."""
    found = _LOOPBACK.fullmatch(redirect_uri)
    if found is None or MAX_PORT < int(found[3] or 0):
        return None
    return found[1]


def nameable_in_a_policy(origin: str) -> bool:
    """Return whether a content-security policy can name that origin (CSP 3 §2.3.1: no IPv6)."""
    return "[" not in origin
