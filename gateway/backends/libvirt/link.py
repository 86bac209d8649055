"""A way to another host's libvirt: TLS of ours, behind a socket that only our child connects to.

libvirt's own TLS would look the host's name up again, and knows neither pins nor other names.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from gateway.backends.wire import Wire
from gateway.errors import UpstreamError, UpstreamRefused

_ADDRESS: Final = 108  # unix(7): sun_path; libvirt pads an abstract name with NULs
_PEER: Final = struct.Struct("3i")  # unix(7), SO_PEERCRED: pid, uid, gid
_ADMITTED: Final = b"\x01"  # libvirt, virnetserverclient.c: the certificate and the address will do


async def be_admitted(wire: Wire) -> None:
    """Wait for what libvirt says right behind the TLS handshake. Raises: UpstreamError."""
    try:
        said = await wire.read()
    except UpstreamError:  # whether it closes or resets is the kernel's affair
        said = b""
    if said != _ADMITTED:
        raise UpstreamRefused("libvirt on the host does not admit the gateway's certificate")


@asynccontextmanager
async def offered(wire: Wire) -> AsyncIterator[str]:
    """The name, as libvirt spells it, of a socket that leads to `wire` while the block runs."""
    name = f"eva-libvirt-{secrets.token_hex(16)}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ours: list[asyncio.Transport] = []
    try:
        # No file of it can be left behind.
        listener.bind(b"\0" + name.encode().ljust(_ADDRESS - 1, b"\0"))
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: _End(wire, ours), sock=listener)
    except BaseException:
        listener.close()
        raise
    try:
        yield f"@{name}"
    finally:
        server.close()
        wire.abort()
        for transport in ours:
            transport.abort()


class _End(asyncio.Protocol):
    """A connection to that socket. The first one of ours has `wire`; any other is cut."""

    def __init__(self, wire: Wire, ours: list[asyncio.Transport]) -> None:
        self._wire = wire
        self._ours = ours
        self._admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        found = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's
        if self._ours or not _is_ours(found):
            found.abort()
            return
        self._admitted = True
        self._ours.append(found)
        self._wire.listen(found.write, lambda _: found.close())

    def data_received(self, data: bytes) -> None:
        if self._admitted:
            self._wire.write(data)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        if self._admitted:
            self._wire.abort()

    def pause_writing(self) -> None:
        self._wire.pause()

    def resume_writing(self) -> None:
        self._wire.resume()


def _is_ours(transport: asyncio.Transport) -> bool:
    """Anybody on this machine may connect to an abstract name; only our user's are served."""
    peer = transport.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size
    )
    _, user, _ = _PEER.unpack(peer)
    return bool(user == os.geteuid())
