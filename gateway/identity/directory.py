"""The directory that the gateway's accounts are in, as Resource Manager's clients name it."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5


def tenant_id(public_base: str) -> str:
    """The directory's GUID, which clients call the tenant: the same for as long as the address.

    `public_base`: that of the pages, at both endpoints.
    """
    return str(uuid5(NAMESPACE_URL, public_base))


def provider_subscription(public_base: str) -> str:
    """The administrators' own subscription, in which the seed's scripts find the features."""
    return str(uuid5(NAMESPACE_URL, f"{public_base}/provider-subscription"))


def object_id(account_id: str) -> str:
    """An account's id as the GUID that clients expect."""
    return str(UUID(account_id))
