"""How an inventory writes down where something is: hosts, sockets, names, in one spelling each."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult

from gateway.policy.console_addresses import may_dial
from gateway.policy.verdict import Deny

_MAX_UNIX_PATH: Final = 107  # unix(7): sun_path holds 108 bytes with its final NUL
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_NUMBER: Final = re.compile(r"(0[xX][0-9A-Fa-f]*|[0-9]+)", re.ASCII)
# RFC 3986 §3.2; urlsplit finds the brackets in l[::1]ocalhost too.
_AUTHORITY: Final = re.compile(r"(\[[^][]*]|[^][:]*)(:[^][:]*)?", re.ASCII)
_DEMO_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConsolePlace:
    """Where a console is. Two places that are one are equal: spelling is the kind's to settle."""

    host: str | None = None
    port: int | None = None
    path: str | None = None  # a socket's, or what stands behind host and port
    name: str | None = None  # where neither a host nor a path leads there
    tls: bool = False  # never reached without TLS, whatever the entry says


def check_plain(url: SplitResult) -> None:
    """Raises: ValueError where there is more to the address than a place."""
    check_no_secret(url)
    if url.query or url.fragment:
        raise ValueError("ends after the address: no ? and no #")


def check_no_secret(url: SplitResult) -> None:
    """Raises: ValueError where a user or a password is written into the address."""
    if url.username is not None or url.password is not None:
        raise ValueError("has a user or password in it; use user and password_file")


def host_and_port(url: SplitResult, default: int, example: str) -> tuple[str, int]:
    """The host, in one spelling, and the port. Raises: ValueError."""
    if not url.hostname or not _AUTHORITY.fullmatch(url.netloc.rpartition("@")[2]):
        raise ValueError(f"must look like {example}")
    port = default if url.port is None else url.port
    if port == 0:
        raise ValueError("wants a port other than 0")
    check_host(url.hostname)
    return _one_spelling(url.hostname), port


def check_host(host: str) -> None:
    """Raises: ValueError unless `host` is a plain address that may be dialled, or a name."""
    try:
        address = ip_address(host)
    except ValueError:
        _check_name(host)
        return
    if address.version == 6 and address.scope_id is not None:
        raise ValueError(f"write {host.partition('%')[0]}, without the interface")
    if address.version == 6 and address.ipv4_mapped:
        raise ValueError(f"write {address.ipv4_mapped} rather than {host}")
    verdict = may_dial(address, written_as_loopback=True)
    if isinstance(verdict, Deny):
        raise ValueError(verdict.reason)


def is_loopback(host: str) -> bool:
    """Whether `host` says by itself that it is this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _one_spelling(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        return host.removesuffix(".")  # RFC 1034 §3.1: the root, which is meant anyway


def _check_name(host: str) -> None:
    # inet_aton(3) takes 2852039166, 0xa9fea9fe and 169.254.43518 for addresses: we do not.
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise ValueError(f"{host} is neither a name nor a plain IP address")
    if not _HOST_NAME.fullmatch(host) or 253 < len(host):
        raise ValueError(f"{host!r} is not a host name")


def socket_path(url: SplitResult, scheme: str) -> str:
    """The absolute path in `scheme:///path`. Raises: ValueError."""
    path = url.path
    if url.netloc or not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"must look like {scheme}:///run/vm/web01.sock, an absolute path")
    if not path.isprintable():
        raise ValueError("the path may hold printable characters only")
    path = posixpath.normpath(path)
    if _MAX_UNIX_PATH < len(path.encode()):
        raise ValueError(f"a socket's path has at most {_MAX_UNIX_PATH} bytes")
    return path


def demo_name(url: SplitResult) -> str:
    """The machine's name in `demo:name`. Raises: ValueError."""
    name = url.netloc + url.path
    if not _DEMO_NAME.fullmatch(name):
        raise ValueError("must look like demo:web01")
    return name
