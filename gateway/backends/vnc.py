"""VNC servers over TCP and Unix sockets: QEMU, Xvnc, x11vnc and their like."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import SplitResult

from gateway.backends.tables import NoOptions, no_user, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.tls import secure
from gateway.backends.upstream import Upstream, shake_hands
from gateway.backends.wire import Wire
from gateway.policy.places import ConsolePlace, check_plain, host_and_port, socket_path

DEFAULT_PORT: Final = 5900
_LAST_DISPLAY: Final = 99


class VncKind:
    """`vnc://host:5901` and `vnc+unix:///path`."""

    schemes = ("vnc", "vnc+unix")

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        check_plain(url)
        if url.scheme == "vnc+unix":
            return ConsolePlace(path=socket_path(url, url.scheme))
        if url.path.strip("/"):
            raise ValueError("must look like vnc://host:5901")
        if url.port is not None and url.port <= _LAST_DISPLAY:
            port = DEFAULT_PORT + url.port
            raise ValueError(f"wants a port; display :{url.port} is port {port}")
        host, port = host_and_port(url, DEFAULT_PORT, "vnc://host:5901")
        return ConsolePlace(host=host, port=port)

    def read(self, table: Mapping[str, Any], console: Console) -> None:
        """Raises: ValueError where anything is given."""
        read_table(NoOptions, table, console.scheme)
        no_user(console)

    def backend(self) -> VncBackend:
        """Dials both."""
        return VncBackend()


class VncBackend:
    """Dials `vnc` and `vnc+unix` consoles."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError, OSError."""
        console = target.console
        wire = await self._open(console)
        return await shake_hands(
            wire,
            progress,
            password=console.password,
            desktop_name=console.desktop_name,
            secure=partial(secure, wire, console) if console.tls else None,
        )

    async def _open(self, console: Console) -> Wire:
        if console.host is None:
            assert console.path is not None
            return await _open_unix(console.path)
        assert console.port is not None
        return await self._dialler.open(console.host, console.port)


async def _open_unix(path: str) -> Wire:
    _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, path)
    return wire
