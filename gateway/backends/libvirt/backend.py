"""Dials the consoles of libvirt's VMs, and asks for their power."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import SplitResult, quote

from gateway.backends.libvirt import options
from gateway.backends.libvirt.asking import ask
from gateway.backends.libvirt.link import be_admitted, offered
from gateway.backends.libvirt.options import LibvirtOptions, mode_and_uuid
from gateway.backends.site import Site, find_site
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.tls import upgrade
from gateway.backends.upstream import Upstream, shake_hands
from gateway.backends.wire import Wire
from gateway.errors import UpstreamRefused
from gateway.policy.facts import Power
from gateway.policy.places import ConsolePlace, check_host, is_loopback

_ANYWHERE: Final = ("0.0.0.0", "::", "*")  # noqa: S104 - what a VNC server listens on


class LibvirtKind:
    """`libvirt:///system/UUID`, this machine's, and `libvirt://host:16514/system/UUID`."""

    schemes = ("libvirt",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        return options.place(url)

    def read(self, table: Mapping[str, Any], console: Console) -> LibvirtOptions:
        """Raises: ValueError."""
        return options.read(table, console)

    def backend(self) -> LibvirtBackend:
        """Dials them."""
        return LibvirtBackend()


class LibvirtBackend:
    """Each question has a child of its own; nothing is held between them."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError, OSError."""
        if target.console.host is None:
            return await _open_here(target.console, progress)
        return await self._open_elsewhere(target.console, progress)

    async def power(self, target: Target) -> Power:
        """Raises: UpstreamError, OSError."""
        _, uuid = mode_and_uuid(target.console)
        answer = await self._asked(target.console, {"ask": "power", "uuid": uuid})
        return Power(answer["state"])

    async def domains(self, target: Target) -> list[dict[str, Any]]:
        """Every VM of the host: its `name`, `uuid`, whether it has `vnc`, and whether `windows`.

        Raises: UpstreamError, OSError.
        """
        found: list[dict[str, Any]] = (await self._asked(target.console, {"ask": "list"}))[
            "domains"
        ]
        return found

    async def _asked(self, console: Console, order: dict[str, Any]) -> dict[str, Any]:
        if console.host is None:
            return await ask(order | {"uri": _uri(console, _options(console).socket)})
        site = await self._site(console)
        async with _libvirt_of(site, console) as uri:
            return await ask(order | {"uri": uri})

    async def _site(self, console: Console) -> Site:
        site = await find_site(self._dialler, console)
        await asyncio.to_thread(_identify, site.context, _options(console))
        return site

    async def _open_elsewhere(self, console: Console, progress: Progress) -> Upstream:
        site = await self._site(console)
        _, uuid = mode_and_uuid(console)
        order = {"ask": "secrets" if console.password is None else "address", "uuid": uuid}
        async with _libvirt_of(site, console) as uri:
            found = await ask(order | {"uri": uri})
        if found["port"] is None:
            raise UpstreamRefused("the VM's VNC listens on no port, which other hosts cannot reach")
        wire = await self._dial_vnc(site, found["listen"], found["port"])
        plain = _options(console).plain_vnc
        return await shake_hands(
            wire,
            progress,
            password=console.password or found["password"],
            desktop_name=console.desktop_name,
            # It is the host's, whatever address it listens on.
            secure=None
            if plain
            else partial(upgrade, wire, site.context, site.server_name, site.pin),
        )

    async def _dial_vnc(self, site: Site, listen: str | None, port: int) -> Wire:
        """Where the VM's VNC server is, as its host sees it."""
        if listen is None or listen in _ANYWHERE:
            return await Dialler.connect(list(site.addresses), port)
        try:
            check_host(listen)
        except ValueError:
            raise UpstreamRefused(
                "the VM's VNC listens on an address that is not allowed"
            ) from None
        if is_loopback(listen) and not site.loopback:
            raise UpstreamRefused(
                "the VM's VNC listens on its host's loopback, which other hosts cannot reach"
            )
        addresses = await self._dialler.addresses(listen, loopback=site.loopback)
        return await Dialler.connect(addresses, port)


async def _open_here(console: Console, progress: Progress) -> Upstream:
    """libvirt hands one end of a socket pair to the VM: nothing needs to listen anywhere."""
    _, uuid = mode_and_uuid(console)
    order = {"ask": "open", "uuid": uuid, "uri": _uri(console, _options(console).socket)}
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            await ask(order | {"file": theirs.fileno()}, files=[theirs.fileno()])
        _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, sock=ours)
    except BaseException:
        ours.close()
        raise
    return await shake_hands(wire, progress, desktop_name=console.desktop_name)


@asynccontextmanager
async def _libvirt_of(site: Site, console: Console) -> AsyncIterator[str]:
    """An address of the host's libvirt, by a connection that lasts as long as the block."""
    wire = await Dialler.connect(list(site.addresses), site.port)
    try:
        await upgrade(wire, site.context, site.server_name, site.pin)
        await be_admitted(wire)
        async with offered(wire) as name:
            yield _uri(console, name)
    finally:
        wire.abort()


def _uri(console: Console, where: str | None) -> str:
    """As libvirt writes it. `where`: its socket, if it is not where libvirt itself looks."""
    mode, _ = mode_and_uuid(console)
    return f"qemu:///{mode}" if where is None else f"qemu+unix:///{mode}?socket={quote(where)}"


def _identify(context: ssl.SSLContext, settled: LibvirtOptions) -> None:
    """Show the gateway's certificate. Raises: UpstreamRefused. Without a word of the files'."""
    if settled.certificate_file is None or settled.key_file is None:
        return
    try:
        context.load_cert_chain(settled.certificate_file, settled.key_file, password=_no_password)
    except (OSError, ValueError):  # of which ssl.SSLError is one
        raise UpstreamRefused("the gateway's certificate for libvirt cannot be read") from None


def _no_password() -> str:
    """OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted")


def _options(console: Console) -> LibvirtOptions:
    settled = console.options
    assert isinstance(settled, LibvirtOptions)
    return settled
