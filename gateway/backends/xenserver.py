"""`xenserver://host/VM-UUID`: XenServer and XCP-ng, by XAPI and its WebSocket consoles."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import Field

from gateway.backends.site import Site, find_site
from gateway.backends.tables import Options, plain_pin, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.upstream import Upstream
from gateway.backends.websocket_wire import UpgradeRefused
from gateway.backends.xapi import IS_SLAVE, Session, XapiRefused, checked_ref, session_at
from gateway.errors import MachineOff, UpstreamError, UpstreamRefused
from gateway.policy.facts import Power
from gateway.policy.places import ConsolePlace, check_host, check_plain, host_and_port

_UUID: Final = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_EXAMPLE: Final = "xenserver://host/VM-UUID"
# xapi, xapi_xenops.ml and console.ml: `https://ADDRESS/console?uuid=…`, formerly `?ref=…`.
_TARGET: Final = re.compile(r"/console\?(uuid=[0-9a-f-]{36}|ref=OpaqueRef:[A-Za-z0-9-]{1,64})")
_MOST_CONSOLES: Final = 8  # a VM has two at most
# http-lib, ws_helpers.ml: it is chosen whatever is offered.
_SUBPROTOCOL: Final = "binary"
# xapi, datamodel_vm.ml, vm_power_state. A VM that is suspended lies on a disk.
_POWER: Final = {
    "Running": Power.RUNNING,
    "Paused": Power.PAUSED,
    "Halted": Power.OFF,
    "Suspended": Power.OFF,
}
_NO_WEBSOCKET: Final = {
    401: "the account may not open this VM's console: it needs the role of a VM operator",
    403: "the account may not open this VM's console: it needs the role of a VM operator",
    404: "the VM has no screen now",
    501: "the host's wsproxy, which serves consoles as WebSockets, does not run",
    503: "the pool limits console sessions, and then serves no WebSockets",
}


class _Table(Options):
    pins: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class XenserverOptions:
    """`pins`: addresses of the pool's other hosts, each with its certificate's fingerprint."""

    pins: tuple[tuple[str, str], ...]


class XenserverKind:
    """The entry's user and password are a host's or a pool's."""

    schemes = ("xenserver",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        check_plain(url)
        host, port = host_and_port(url, 443, _EXAMPLE)
        if not _UUID.fullmatch(url.path.lower()):
            raise ValueError(f"must look like {_EXAMPLE}")
        return ConsolePlace(host=host, port=port, path=url.path.lower(), tls=True)

    def read(self, table: Mapping[str, Any], console: Console) -> XenserverOptions:
        """Raises: ValueError."""
        given = read_table(_Table, table, console.scheme)
        if console.user is None:
            raise ValueError("user: missing; it is a user of the pool, as root")
        if console.password is None:
            raise ValueError("password_file: missing; it must hold the user's password")
        pins = tuple((_host(host), _pin(host, pin)) for host, pin in given.pins.items())
        return XenserverOptions(pins)

    def backend(self) -> XenserverBackend:
        """Dials them."""
        return XenserverBackend()


def _host(host: str) -> str:
    try:
        check_host(host)
    except ValueError as error:
        raise ValueError(f"xenserver.pins.{host}: {error}") from None
    return _spelled(host)


def _spelled(host: str) -> str:
    """One way for each host."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower().removesuffix(".")


def _pin(host: str, pin: str) -> str:
    try:
        return plain_pin(pin)
    except ValueError as error:
        raise ValueError(f"xenserver.pins.{host}: {error}") from None


class XenserverBackend:
    """Dials `xenserver` consoles, and asks for their VMs' power."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError."""
        upstream: Upstream | None = None
        try:
            async with self._enter(target.console) as (pool, session):
                upstream = await _open(pool, session, target.console, progress)
        except BaseException:  # cancelled while it signs out, say
            if upstream is not None:
                await upstream.close()
            raise
        return upstream

    async def power(self, target: Target) -> Power:
        """Raises: UpstreamError."""
        async with self._enter(target.console) as (_, session):
            vm = await session.ref("VM.get_by_uuid", _uuid(target.console))
            return _known(await session.call("VM.get_power_state", vm))

    @asynccontextmanager
    async def _enter(self, console: Console) -> AsyncIterator[tuple[_Pool, Session]]:
        """Signed in at the pool's master. Raises: UpstreamError."""
        assert isinstance(console.options, XenserverOptions)
        home = await find_site(self._dialler, console)
        pool = _Pool(self._dialler, home, dict(console.options.pins))
        user, password = console.user or "", console.password or ""
        async with AsyncExitStack() as stack:
            try:
                session = await stack.enter_async_context(session_at(home, user, password))
            except XapiRefused as error:
                if error.code != IS_SLAVE:
                    raise
                # A pool that loses its master chooses another. It is told nothing before its own
                # certificate was judged.
                master = await pool.master(error)
                session = await stack.enter_async_context(session_at(master, user, password))
            yield pool, session


@dataclass(frozen=True, slots=True)
class _Pool:
    """The host that the entry names, and those that XAPI hands out."""

    dialler: Dialler
    home: Site
    pins: Mapping[str, str]

    async def host(self, host: str, port: int) -> Site:
        """Raises: UpstreamRefused, UpstreamUnreachable."""
        host = _spelled(host)
        if port == self.home.port and host in {self.home.host, *map(str, self.home.addresses)}:
            return self.home
        found = await self.home.elsewhere(self.dialler, host, port)
        return replace(found, pin=self.pins.get(host, found.pin))

    async def master(self, error: XapiRefused) -> Site:
        """The host that `error` names. Raises: UpstreamError."""
        named = error.about[0] if len(error.about) == 1 else ""
        try:
            check_host(named)
        except ValueError:
            raise error from None
        return await self.host(named, self.home.port)


async def _open(pool: _Pool, session: Session, console: Console, progress: Progress) -> Upstream:
    """Raises: UpstreamError, RfbError."""
    vm = await session.ref("VM.get_by_uuid", _uuid(console))
    _check_power(_known(await session.call("VM.get_power_state", vm)))
    host, port, where = _parsed(await _location(session, vm))
    site = await pool.host(host, port)
    try:
        return await site.open_screen(
            where,
            progress,
            headers=session.headers,
            subprotocol=_SUBPROTOCOL,
            desktop_name=console.desktop_name,
        )
    except UpgradeRefused as refusal:
        words = _NO_WEBSOCKET.get(refusal.status)
        raise (UpstreamRefused(words) if words else refusal) from None


def _parsed(location: str) -> tuple[str, int, str]:
    """Host, port, and what is to be asked there. Raises: UpstreamRefused."""
    try:
        url = urlsplit(location)
        host, port = url.hostname or "", url.port or 443
        check_host(host)
    except ValueError:
        raise UpstreamRefused("XAPI's console address may not be dialled") from None
    where = f"{url.path}?{url.query}"
    if url.scheme != "https" or url.username is not None or not _TARGET.fullmatch(where):
        raise UpstreamRefused("XAPI's console address may not be dialled")
    return host, port, where


def _uuid(console: Console) -> str:
    return (console.path or "").removeprefix("/")


def _known(state: object) -> Power:
    return _POWER.get(state, Power.UNKNOWN) if isinstance(state, str) else Power.UNKNOWN


def _check_power(power: Power) -> None:
    """xapi shows the consoles of running VMs alone. Raises: MachineOff, UpstreamError."""
    if power is Power.OFF:
        raise MachineOff("the VM is turned off")
    if power is Power.PAUSED:
        raise UpstreamError("the VM is paused, and XAPI shows no screen then")


async def _location(session: Session, vm: str) -> str:
    """The address of the VM's first RFB console. Raises: UpstreamError."""
    consoles = await session.call("VM.get_consoles", vm)
    for console in consoles[:_MOST_CONSOLES] if isinstance(consoles, list) else []:
        reference = checked_ref(console)
        if await session.call("console.get_protocol", reference) == "rfb":
            location = await session.call("console.get_location", reference)
            if isinstance(location, str):
                return location
    raise UpstreamRefused("the VM has no VNC console")
