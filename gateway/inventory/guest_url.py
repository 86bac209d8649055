"""`guest_agent` and `power` of an inventory entry: a Unix socket's path, or `demo:name`."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.policy.places import check_plain, demo_name, socket_path


def parse_guest_agent(text: str) -> str:
    """The address in one spelling: `qga+unix:///path` or `demo:name`.

    Raises: ValueError, in words for the inventory's author.
    """
    return _parse(text, "qga+unix")


def parse_power(text: str) -> str:
    """The address in one spelling: `qmp+unix:///path` or `demo:name`.

    Raises: ValueError, in words for the inventory's author.
    """
    return _parse(text, "qmp+unix")


def _parse(text: str, sockets: str) -> str:
    # Sockets only: neither protocol proves who speaks, so a path that only the gateway may open
    # is what does.
    scheme = text.partition(":")[0]
    url = urlsplit(text)
    check_plain(url)
    if scheme == sockets:
        return f"{sockets}://{socket_path(url, sockets)}"
    if scheme == "demo":
        return f"demo:{demo_name(url)}"
    raise ValueError(f"{scheme!r} is none of {sockets}:///path, demo:name")
