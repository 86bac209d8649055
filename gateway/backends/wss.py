"""`wss://host/path`: VNC inside a WebSocket, as websockify, QEMU and others serve it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult

from pydantic import Field, SecretStr

from gateway.backends.site import find_site
from gateway.backends.tables import Options, no_user, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.upstream import Upstream
from gateway.policy.places import ConsolePlace, host_and_port

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110 §5.6.2
_TARGET: Final = re.compile(r"/[!-\"$-~]{0,1023}")  # printable ASCII but for space and #
# The WebSocket handshake's own (RFC 6455 §4.1), and what would say where the request ends.
_OURS: Final = re.compile(
    r"host|upgrade|connection|sec-websocket-.*|content-length|transfer-encoding|expect", re.I
)
_SECRET: Final = re.compile(r".*(authorization|cookie|token|secret|password|key).*", re.I)


class _Table(Options):
    subprotocol: str | None = None
    headers: dict[str, str | SecretStr] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WssOptions:
    """What is said when the WebSocket is asked for."""

    subprotocol: str | None
    headers: tuple[tuple[str, SecretStr], ...]


class WssKind:
    """`wss://host[:443]/path[?query]`, the query without secrets."""

    schemes = ("wss",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        host, port = host_and_port(url, 443, "wss://host/path")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        if not _TARGET.fullmatch(target):
            raise ValueError("the path may hold printable ASCII only, the rest as %20")
        return ConsolePlace(host=host, port=port, path=target, tls=True)

    def read(self, table: Mapping[str, Any], console: Console) -> WssOptions:
        """Raises: ValueError."""
        given = read_table(_Table, table, console.scheme)
        no_user(console)
        if given.subprotocol is not None and not _TOKEN.fullmatch(given.subprotocol):
            raise ValueError("wss.subprotocol: is no subprotocol's name")
        headers = tuple((name, _value(name, value)) for name, value in given.headers.items())
        return WssOptions(given.subprotocol, headers)

    def backend(self) -> WssBackend:
        """Dials them."""
        return WssBackend()


def _value(name: str, value: str | SecretStr) -> SecretStr:
    key = f"wss.headers.{name}"
    if not _TOKEN.fullmatch(name) or _OURS.fullmatch(name):
        raise ValueError(f"{key}: is not a header to be given here")
    if isinstance(value, str):
        if _SECRET.fullmatch(name):
            raise ValueError(f'{key}: is a secret: write {{ file = "…" }} or {{ env = "…" }}')
        value = SecretStr(value)
    said = value.get_secret_value()
    if not said.isascii() or not said.isprintable() or said != said.strip():
        raise ValueError(f"{key}: may hold printable ASCII only")
    return value


class WssBackend:
    """Dials `wss` consoles."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError."""
        console = target.console
        options = console.options
        assert isinstance(options, WssOptions)
        site = await find_site(self._dialler, console)
        return await site.open_screen(
            console.path or "/",
            progress,
            headers={name: value.get_secret_value() for name, value in options.headers},
            subprotocol=options.subprotocol,
            password=console.password,
            desktop_name=console.desktop_name,
        )
