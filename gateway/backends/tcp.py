"""Connections to a host and port: resolved once, judged, and dialled as judged."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from gateway.backends.wire import Wire
from gateway.errors import UpstreamRefused, UpstreamUnreachable
from gateway.policy.console_addresses import may_dial
from gateway.policy.places import is_loopback
from gateway.policy.verdict import Deny

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Awaitable[list[Address]]]

_PATIENCE_EACH: Final = 3.0  # seconds for one of several addresses of a name
_NEAR_SECONDS: Final = 0.005  # a round trip within a data centre
_TCP_INFO: Final = struct.Struct("=68xI")  # linux/tcp.h, struct tcp_info up to tcpi_rtt

# A hypervisor that loses power sends no FIN: probe it, and give up on unanswered bytes.
_TCP_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 8000),
)


async def resolve_host(host: str) -> list[Address]:
    """Every address of a name, or the literal address itself. Raises: UpstreamUnreachable."""
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise UpstreamUnreachable("the console's host name cannot be resolved") from error
    return list(dict.fromkeys(ip_address(answer[4][0]) for answer in answers))


class Dialler:
    """Finds the addresses that a host may be dialled at, and dials them."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._resolve = resolve or resolve_host

    async def addresses(self, host: str, *, loopback: bool | None = None) -> list[Address]:
        """Every address of `host`, each of which may be dialled.

        `loopback`: whether the inventory itself says that this is about this machine. By default
        `host` is the inventory's and says so by itself; for a host that somebody else hands out,
        who asks must know.
        Raises: UpstreamRefused, UpstreamUnreachable.
        """
        addresses = await self._resolve(host)
        _judge(addresses, loopback=is_loopback(host) if loopback is None else loopback)
        return addresses

    async def open(self, host: str, port: int) -> Wire:
        """A connection to a host of the inventory.

        Raises: UpstreamRefused, UpstreamUnreachable, OSError.
        """
        # Resolved once, judged, and dialled as judged: a second look-up could answer otherwise.
        return await self.connect(await self.addresses(host), port)

    @staticmethod
    async def connect(addresses: list[Address], port: int) -> Wire:
        """A connection to one of the addresses that `addresses` let pass. Raises: OSError."""
        return (await Dialler.reach(addresses, port))[1]

    @staticmethod
    async def reach(addresses: list[Address], port: int) -> tuple[Address, Wire]:
        """The same, and the address that answered. Raises: OSError."""
        for address in addresses[:-1]:
            try:
                async with asyncio.timeout(_PATIENCE_EACH):
                    return address, await _open(address, port)
            except OSError:  # of which TimeoutError is one; the next address may answer
                continue
        return addresses[-1], await _open(addresses[-1], port)


def _judge(addresses: list[Address], *, loopback: bool) -> None:
    """One bad answer spoils the name: whoever gave it does not mean well."""
    if not addresses:
        raise UpstreamUnreachable("the console's host name has no address")
    for address in addresses:
        verdict = may_dial(address, written_as_loopback=loopback)
        if isinstance(verdict, Deny):
            raise UpstreamRefused(f"the console's address is not allowed: {verdict.reason}")


async def _open(address: Address, port: int) -> Wire:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    transport, wire = await loop.create_connection(Wire, str(address), port)
    took = loop.time() - begun  # a round trip, and whatever else this process had to do
    sock = transport.get_extra_info("socket")
    wire.near = min(took, _round_trip(sock)) <= _NEAR_SECONDS
    for option in _TCP_OPTIONS:
        sock.setsockopt(*option)
    return wire


def _round_trip(sock: socket.socket) -> float:
    """Seconds, as the kernel saw the connection made; inf where it does not say."""
    if not sys.platform.startswith("linux"):
        return math.inf
    known = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    (microseconds,) = _TCP_INFO.unpack(known)
    return float(microseconds) / 1e6
