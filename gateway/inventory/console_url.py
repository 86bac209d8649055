"""The `console` of an inventory entry, as the kind that its scheme names understands it."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.inventory.kinds import Kinds
from gateway.inventory.machine import ConsoleAddress
from gateway.policy.places import check_no_secret


def parse_console(text: str, kinds: Kinds) -> ConsoleAddress:
    """Where `text` says that the console is.

    Raises: ValueError, in words for the inventory's author.
    """
    scheme = text.partition(":")[0]
    kind = kinds.get(scheme)
    if kind is None:
        raise ValueError(f"{scheme!r} is none of the kinds {', '.join(sorted(kinds))}")
    url = urlsplit(text)
    check_no_secret(url)
    if url.fragment:
        raise ValueError("ends after the address: no #")
    place = kind.place(url)
    return ConsoleAddress(
        scheme, host=place.host, port=place.port, path=place.path, name=place.name, tls=place.tls
    )
