"""Ids that Resource Manager's clients expect of every installation, derived from its address.

They name things and open nothing; the same address has the same ids after every start.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5


def directory_id(public_base: str) -> str:
    """The id of the one directory ("tenant") that all accounts are in."""
    return str(uuid5(NAMESPACE_URL, f"{public_base}/adfs"))


def provider_subscription(public_base: str) -> str:
    """The id of the administrators' own subscription ("Default Provider Subscription")."""
    return str(uuid5(NAMESPACE_URL, f"{public_base}/provider-subscription"))
