"""Values from outside, checked before anything believes them."""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Network, IPv6Network, ip_network

from gateway.errors import InvalidInput
from gateway.policy import consents

MAX_REASON = 512
MAX_LABEL = 80
MAX_GUEST_NAME = 64

_ID = re.compile(r"[0-9a-f]{32}")
_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
# RFC 6749, appendix A.1: visible characters.
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,128}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")

# Control, format (right-to-left overrides among them), surrogate, line and paragraph separators,
# unassigned: what hides, breaks or cannot be stored.
_ILLEGIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Cn"})


def known_id(text: str) -> str | None:
    """`text` where it can be the id of a row, else None: no such row."""
    return text if _ID.fullmatch(text) else None


def line(field: str, text: str, most: int, *, least: int = 1) -> str:
    """`text` as one legible line of `least` to `most` characters. Raises: InvalidInput."""
    legible = _one_line(text, most)
    if len(legible) < least:
        raise InvalidInput(field, "say something here")
    if most < len(legible):
        raise InvalidInput(field, f"at most {most} characters")
    return legible


def clipped(text: str, most: int) -> str:
    """`text` as one legible line, cut to `most` characters: for what nobody is asked to correct."""
    return _one_line(text, most)[:most]


def storable(text: str) -> str:
    """`text` without what a database cannot compare (lone surrogates, NUL); no name has those."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def account_name(text: str) -> str:
    """Raises: InvalidInput."""
    if not _ACCOUNT_NAME.fullmatch(text):
        raise InvalidInput("name", "1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'")
    return text


def client_id(text: str) -> str:
    """What a program calls itself. Raises: InvalidInput."""
    if not _CLIENT_ID.fullmatch(text):
        raise InvalidInput("client_id", "1 to 128 visible characters, without blanks")
    return text


def node_name(text: str) -> str:
    """Raises: InvalidInput."""
    if not _NODE.fullmatch(text):
        raise InvalidInput("node", "not the name of a node")
    return text


def subscription_id(text: str) -> str:
    """The id in lower case. Raises: InvalidInput unless it is a GUID."""
    found = consents.subscription_id(text)
    if found is None:
        raise InvalidInput("subscription", "not a GUID")
    return found


def network(text: str) -> IPv4Network | IPv6Network:
    """An address or a CIDR block. Raises: InvalidInput."""
    try:
        found = ip_network(text.strip())
    except ValueError:
        raise InvalidInput(
            "network", "not an address or a block such as 10.1.2.3 or 10.1.2.0/24"
        ) from None
    if isinstance(found, IPv6Network) and found.network_address.ipv4_mapped is not None:
        # RFC 4291 §2.5.5.2. The safelist judges the IPv4 address inside: this would never match.
        raise InvalidInput("network", "write the IPv4 address itself, without ::ffff:")
    return found


def _one_line(text: str, most: int) -> str:
    # Cut first, so that the work is bounded too, however long the text.
    kept = (c for c in text[: 8 * most] if c.isspace() or unicodedata.category(c) not in _ILLEGIBLE)
    return " ".join("".join(kept).split())
