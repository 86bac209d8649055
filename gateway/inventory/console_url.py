"""The `console` of an inventory entry: `vnc://host:5901`, `vnc+unix:///path` or `demo:name`."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import SplitResult, urlsplit

from gateway.inventory.machine import ConsoleAddress
from gateway.policy.console_addresses import may_dial
from gateway.policy.verdict import Deny

DEFAULT_PORT: Final = 5900
_LAST_DISPLAY: Final = 99
_MAX_UNIX_PATH: Final = 107  # unix(7): sun_path holds 108 bytes with its final NUL
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_NUMBER: Final = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)", re.ASCII)
_DEMO_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def parse_console(text: str) -> ConsoleAddress:
    """Where `text` says that the console is.

    Raises: ValueError, in words for the inventory's author.
    """
    scheme, _, rest = text.partition(":")
    parts = urlsplit(text)
    check_plain(parts)
    match scheme:
        case "vnc":
            return _tcp(parts)
        case "vnc+unix":
            return ConsoleAddress("vnc+unix", path=socket_path(parts, "vnc+unix"))
        case "demo":
            return ConsoleAddress("demo", name=demo_name(rest))
    raise ValueError(f"{scheme!r} is none of vnc://host:port, vnc+unix:///path, demo:name")


def check_plain(parts: SplitResult) -> None:
    """Raises: ValueError where there is more to the address than a place."""
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or password in it; use password_file")
    if parts.query or parts.fragment:
        raise ValueError("ends after the address: no ? and no #")


def _tcp(parts: SplitResult) -> ConsoleAddress:
    if not parts.hostname or parts.path.strip("/"):
        raise ValueError("must look like vnc://host:5901")
    port = DEFAULT_PORT if parts.port is None else parts.port
    if port <= _LAST_DISPLAY:
        raise ValueError(f"wants a port; display :{port} is port {DEFAULT_PORT + port}")
    check_host(parts.hostname)
    return ConsoleAddress("vnc", host=parts.hostname, port=port)


def check_host(host: str) -> None:
    """Raises: ValueError unless `host` is a plain address that may be dialled, or a name."""
    try:
        address = ip_address(host)
    except ValueError:
        _check_name(host)
        return
    if address.version == 6 and address.ipv4_mapped:
        raise ValueError(f"write {address.ipv4_mapped} rather than {host}")
    verdict = may_dial(address, written_as_loopback=True)
    if isinstance(verdict, Deny):
        raise ValueError(verdict.reason)


def _check_name(host: str) -> None:
    # inet_aton(3) takes 2852039166, 0xa9fea9fe and 169.254.43518 for addresses: we do not.
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise ValueError(f"{host} is neither a name nor a plain IP address")
    if not _HOST_NAME.fullmatch(host) or 253 < len(host):
        raise ValueError(f"{host!r} is not a host name")


def socket_path(parts: SplitResult, scheme: str) -> str:
    """The absolute path in `scheme:///path`. Raises: ValueError."""
    path = PurePosixPath(parts.path)
    if parts.netloc or not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"must look like {scheme}:///run/vm/web01.sock, an absolute path")
    if _MAX_UNIX_PATH < len(str(path).encode()):
        raise ValueError(f"a socket's path has at most {_MAX_UNIX_PATH} bytes")
    return str(path)


def demo_name(rest: str) -> str:
    """The machine's name in `demo:name`. Raises: ValueError."""
    name = rest.removeprefix("//")
    if not _DEMO_NAME.fullmatch(name):
        raise ValueError("must look like demo:web01")
    return name
