"""How else a console's address could be written: by somebody careless, and by somebody hostile."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from hypothesis import strategies as st

# None of them is a console, in whatever spelling: link-local, metadata services, nobody's.
FORBIDDEN = (
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "100.100.100.200",
    "fd00:ec2::254",
    "0.0.0.0",  # noqa: S104 - nothing listens here
    "::",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
)
_HOSTS = (
    *FORBIDDEN,
    "",
    "[",
    "]",
    "[::1",
    "[::1%25eth0]",
    "a..b",
    "-",
    ".",
    "a b",
    "ｈｏｓｔ",
    "x" * 300,
)
_PORTS = ("", ":", ":0", ":65536", ":99999999999999999999", ":-1", ":1e3", ":²", ":0x50", ":5901")
_USERS = ("", "", "", "user@", "user:word@", ":@", "@")
_TAILS = ("", "", "?", "?a=b", "#", "#f", "?%0d%0a", ";x", "\\", "/..", "/%2e%2e/", "//", "/\x00")
_LETTERS = st.text(max_size=12) | st.sampled_from(
    [
        "\r\n",
        "\x00",
        "\x1b[2J",
        "\x7f",
        "\u202e",
        "\ud800",
        " ",
        "%",
        "🙂",
        "../",
        "@",
        "#",
        "a" * 5000,
    ]
)


def spellings(url: str) -> Iterator[tuple[str, str]]:
    """Other spellings of the same address, each with what it is that differs."""
    parts = urlsplit(url)
    if not parts.hostname:
        return
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    yield "the host in capitals", _at(parts, f"{host.upper()}{port}")
    if _is_name(parts.hostname):
        yield "the host with its final dot", _at(parts, f"{host}.{port}")
    else:
        exploded = ip_address(parts.hostname).exploded
        yield "the address in full", _at(parts, f"{f'[{exploded}]' if ':' in host else host}{port}")
    if parts.path in {"", "/"} and not parts.query:
        yield "a slash at the end", parts._replace(path="/").geturl()
        yield "no slash at the end", parts._replace(path="").geturl()


def with_port(url: str, port: int | None) -> str:
    """The same with that port said, or none."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return _at(parts, host if port is None else f"{host}:{port}")


def with_host(url: str, host: str) -> str:
    parts = urlsplit(url)
    written = f"[{host}]" if ":" in host else host
    return _at(parts, written if parts.port is None else f"{written}:{parts.port}")


def hostile(url: str) -> st.SearchStrategy[str]:
    """Addresses of the same scheme, each with something wrong, odd or missing."""
    scheme, _, rest = url.partition(":")
    parts = urlsplit(url)
    made = st.builds(
        lambda user, host, port, path, tail: f"{scheme}://{user}{host}{port}{path}{tail}",
        st.sampled_from(_USERS),
        st.sampled_from((*_HOSTS, parts.hostname or "")) | _LETTERS,
        st.sampled_from(_PORTS),
        st.sampled_from((parts.path, "", "/")) | _LETTERS,
        st.sampled_from(_TAILS) | _LETTERS,
    )
    cut = st.integers(0, len(rest)).map(lambda at: f"{scheme}:{rest[:at]}")
    spoilt = st.tuples(st.integers(0, len(rest)), _LETTERS).map(
        lambda what: f"{scheme}:{rest[: what[0]]}{what[1]}{rest[what[0] :]}"
    )
    return made | cut | spoilt


def _at(parts: SplitResult, netloc: str) -> str:
    return parts._replace(netloc=netloc).geturl()


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
