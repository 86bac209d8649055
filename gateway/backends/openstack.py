"""`openstack://keystone:5000/SERVER-UUID`: Nova's consoles, by way of Keystone's catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from gateway.backends.site import Answer, Api, Site, find_site
from gateway.backends.tables import Options, plain_secret, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.upstream import Upstream
from gateway.errors import AccountRefused, MachineOff, UpstreamError, UpstreamRefused
from gateway.policy.facts import Power
from gateway.policy.places import ConsolePlace, check_host, check_plain, host_and_port

_UUID: Final = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_EXAMPLE: Final = "openstack://keystone:5000/SERVER-UUID"
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}", re.ASCII)
_TARGET: Final = re.compile(r"(/[!-\"$-~]{0,2047})?")  # printable ASCII but for space and #
# Compute API, "Create Console": microversion 2.6 or newer.
_MICROVERSION: Final = {
    "OpenStack-API-Version": "compute 2.6",
    "X-OpenStack-Nova-API-Version": "2.6",
}
# websockify, which Nova's proxy is made of, used to insist on it.
_SUBPROTOCOL: Final = "binary"
# Compute API, "Server states"
_OFF: Final = frozenset({"SHUTOFF", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"})
# Compute API, "Show Server Details", OS-EXT-STS:power_state. 0 is no state.
_POWER: Final = {1: Power.RUNNING, 3: Power.PAUSED, 4: Power.OFF, 6: Power.OFF, 7: Power.OFF}


class OpenstackOptions(Options):
    """What the entry's `[machine.openstack]` says."""

    application_credential: bool = False
    project: str | None = None
    project_domain: str = "Default"
    user_domain: str = "Default"
    region: str | None = None
    interface: Literal["public", "internal", "admin"] = "public"
    identity_path: str = "/v3"


class OpenstackKind:
    """The entry's user and password are a user's, or an application credential's id and secret."""

    schemes = ("openstack",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        check_plain(url)
        host, port = host_and_port(url, 5000, _EXAMPLE)
        if not _UUID.fullmatch(url.path.lower()):
            raise ValueError(f"must look like {_EXAMPLE}")
        return ConsolePlace(host=host, port=port, path=url.path.lower(), tls=True)

    def read(self, table: Mapping[str, Any], console: Console) -> OpenstackOptions:
        """Raises: ValueError."""
        options = read_table(OpenstackOptions, table, console.scheme)
        if console.user is None:
            raise ValueError("user: missing; it is a user's name or an application credential's id")
        plain_secret(console, "the user's password or the application credential's secret")
        if options.application_credential == (options.project is not None):
            raise ValueError(
                "openstack.project: names the user's project; an application credential has its own"
            )
        if not _PREFIX.fullmatch(options.identity_path):
            raise ValueError("openstack.identity_path: must look like /v3 or /identity/v3")
        return options

    def backend(self) -> OpenstackBackend:
        """Dials them."""
        return OpenstackBackend()


class OpenstackBackend:
    """Dials `openstack` consoles, and asks for their VMs' power."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError."""
        console = target.console
        keystone = await find_site(self._dialler, console)
        nova, server, headers = await self._enter(keystone, console)

        async def ask(api: Api) -> Upstream:
            try:
                address = await _ask_for_console(api, server, headers)
                proxy, where = await self._handed_out(keystone, address, "console address")
                return await proxy.open_screen(
                    where,
                    progress,
                    headers={},
                    subprotocol=_SUBPROTOCOL,
                    desktop_name=console.desktop_name,
                )
            except UpstreamError:
                if await _is_off(api, server, headers):
                    raise MachineOff("the VM is turned off") from None
                raise

        return await nova.screen_by(ask)

    async def power(self, target: Target) -> Power:
        """Raises: UpstreamError."""
        keystone = await find_site(self._dialler, target.console)
        nova, server, headers = await self._enter(keystone, target.console)
        async with nova.api() as api:
            return await _power(api, server, headers)

    async def _enter(self, keystone: Site, console: Console) -> tuple[Site, str, Mapping[str, str]]:
        """Sign in: Nova, the server's path there, and the headers that say who asks.

        Raises: UpstreamError.
        """
        options = console.options
        assert isinstance(options, OpenstackOptions)
        async with keystone.api() as api:
            token, endpoint = await _sign_in(api, console, options)
        nova, prefix = await self._handed_out(keystone, endpoint, "compute endpoint")
        server = f"{prefix.rstrip('/')}/servers{console.path}"
        return nova, server, {"X-Auth-Token": token, **_MICROVERSION}

    async def _handed_out(self, keystone: Site, address: str, what: str) -> tuple[Site, str]:
        """The host of an address that an API gave us, judged, and what is to be asked there.

        Raises: UpstreamRefused, UpstreamUnreachable.
        """
        try:
            url = urlsplit(address)
            port = url.port or 443
            host = url.hostname or ""
            check_host(host)
        except ValueError:
            raise UpstreamRefused(f"OpenStack's {what} may not be dialled") from None
        if url.scheme not in {"https", "wss"}:
            raise UpstreamRefused(f"OpenStack's {what} is without TLS")
        if url.username is not None or url.password is not None:
            raise UpstreamRefused(f"OpenStack's {what} may not be dialled")
        target = _websocket_target(url) if what == "console address" else url.path
        if not _TARGET.fullmatch(target):
            raise UpstreamRefused(f"OpenStack's {what} may not be dialled")
        return await keystone.elsewhere(self._dialler, host, port), target


async def _sign_in(api: Api, console: Console, options: OpenstackOptions) -> tuple[str, str]:
    """A fresh token, and where compute is. Raises: UpstreamError."""
    answer = await api.ask(
        "POST", f"{options.identity_path}/auth/tokens", content={"auth": _auth(console, options)}
    )
    if answer.status == 401:
        raise AccountRefused("Keystone refused the user, the password or the project")
    if answer.status == 404:
        raise UpstreamRefused(f"there is no Keystone at {options.identity_path}")
    if answer.status != 201:
        raise UpstreamRefused(f"Keystone refused with status {answer.status}")
    # Identity API v3, "Password authentication with scoped authorization": it is in a header.
    token = answer.headers.get("X-Subject-Token", "")
    if not token:
        raise UpstreamRefused("the hypervisor's answer lacks X-Subject-Token")
    return token, _compute(answer, options)


def _auth(console: Console, options: OpenstackOptions) -> dict[str, Any]:
    """Identity API v3, "Authentication and token management"."""
    if options.application_credential:
        credential = {"id": console.user, "secret": console.password}
        identity: dict[str, Any] = {
            "methods": ["application_credential"],
            "application_credential": credential,
        }
        return {"identity": identity}
    user = {
        "name": console.user,
        "domain": {"name": options.user_domain},
        "password": console.password,
    }
    project = {"name": options.project, "domain": {"name": options.project_domain}}
    return {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": project},
    }


def _compute(answer: Answer, options: OpenstackOptions) -> str:
    """The compute endpoint of the catalogue. Raises: UpstreamRefused."""
    for service in _tables(answer.find("token", "catalog")):
        if service.get("type") != "compute":
            continue
        for endpoint in _tables(service.get("endpoints")):
            region = endpoint.get("region_id") or endpoint.get("region")
            url = endpoint.get("url")
            if (
                endpoint.get("interface") == options.interface
                and options.region in {None, region if isinstance(region, str) else ""}
                and isinstance(url, str)
            ):
                return url
    raise UpstreamRefused("Keystone's catalogue has no such compute endpoint")


def _tables(found: object) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


async def _ask_for_console(api: Api, server: str, headers: Mapping[str, str]) -> str:
    """An address with a fresh token in it. Raises: UpstreamError."""
    content = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    answer = await api.ask("POST", f"{server}/remote-consoles", headers=headers, content=content)
    match answer.status:
        case 200:
            return answer.text("remote_console", "url")
        case 401 | 403:
            raise UpstreamRefused("the account may not open this VM's console")
        case 404:
            raise UpstreamRefused("Nova knows no such VM in that project")
        case 409:
            raise UpstreamError("Nova says that the VM is not ready for a console")
        case 400 | 501:
            raise UpstreamRefused("Nova has no VNC console for this VM")
    raise UpstreamRefused(f"Nova refused with status {answer.status}")


def _websocket_target(url: SplitResult) -> str:
    """What noVNC would ask for on the page at `url`.

    nova, objects/console_auth_token.py: `…/vnc_lite.html?path=[PATH]%3Ftoken%3D…`; before noVNC
    1.1.0 it was `…/vnc_auto.html?token=…`, which the page put into a cookie. Nova's proxy looks
    for the token in the query first (nova, console/websocketproxy.py).
    """
    if url.scheme == "wss":
        return f"{url.path or '/'}?{url.query}"
    path = parse_qs(url.query).get("path", [""])[0]
    return f"/{path.lstrip('/')}" if path else f"/websockify?{url.query}"


async def _is_off(api: Api, server: str, headers: Mapping[str, str]) -> bool:
    """Whether the VM is known to be off."""
    try:
        return await _power(api, server, headers) is Power.OFF
    except UpstreamError:
        return False


async def _power(api: Api, server: str, headers: Mapping[str, str]) -> Power:
    """Raises: UpstreamError."""
    answer = await api.ask("GET", server, headers=headers)
    if answer.status != 200:
        raise UpstreamRefused(f"Nova does not tell the VM's power ({answer.status})")
    if answer.find("server", "status") in _OFF:
        return Power.OFF
    state = answer.find("server", "OS-EXT-STS:power_state")
    return _POWER.get(state, Power.UNKNOWN) if type(state) is int else Power.UNKNOWN
