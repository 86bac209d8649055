"""`proxmox://host:8006/NODE/VMID`: Proxmox VE, with an API token or a user's password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, quote

from gateway.backends.site import Answer, Api, find_site
from gateway.backends.tables import NoOptions, plain_secret, read_table
from gateway.backends.targets import Console, Progress, Target
from gateway.backends.tcp import Dialler, Resolve
from gateway.backends.upstream import Upstream
from gateway.errors import AccountRefused, MachineOff, UpstreamError, UpstreamRefused
from gateway.policy.facts import Power
from gateway.policy.places import ConsolePlace, check_plain, host_and_port

_PATH: Final = re.compile(
    r"/(?P<node>[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)/(?P<vmid>[1-9][0-9]{2,8})", re.ASCII
)
_EXAMPLE: Final = "proxmox://host:8006/NODE/VMID"
# pve-access-control, Auth/Plugin.pm: a user is name@realm, an API token name@realm!token.
_REALM = r"[A-Za-z][A-Za-z0-9._-]{1,63}"
_USER: Final = re.compile(rf"[^\s:/!]{{1,64}}@{_REALM}(!{_REALM})?", re.ASCII)
_VNC_PORTS: Final = range(5900, 6000)  # qemu-server, API2/Qemu.pm, vncwebsocket


class ProxmoxKind:
    """The entry's user and password are an API token and its secret, or a user and theirs."""

    schemes = ("proxmox",)

    def place(self, url: SplitResult) -> ConsolePlace:
        """Raises: ValueError."""
        check_plain(url)
        host, port = host_and_port(url, 8006, _EXAMPLE)
        if not _PATH.fullmatch(url.path):
            raise ValueError(f"must look like {_EXAMPLE}")
        return ConsolePlace(host=host, port=port, path=url.path, tls=True)

    def read(self, table: Mapping[str, Any], console: Console) -> None:
        """Raises: ValueError."""
        read_table(NoOptions, table, console.scheme)
        if console.user is None or not _USER.fullmatch(console.user):
            raise ValueError("user: must look like eva@pve!console, an API token, or eva@pve")
        plain_secret(console, "the API token's secret, or the user's password")

    def backend(self) -> ProxmoxBackend:
        """Dials them."""
        return ProxmoxBackend()


class ProxmoxBackend:
    """Dials `proxmox` consoles, and asks for their VMs' power."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        """`resolve` turns a host into its addresses; the system's way is the default."""
        self._dialler = Dialler(resolve)

    async def dial(self, target: Target, progress: Progress) -> Upstream:
        """Raises: UpstreamError, RfbError."""
        console = target.console
        machine = _machine(console)
        site = await find_site(self._dialler, console)

        async def ask(api: Api) -> Upstream:
            headers = await _sign_in(api, console)
            granted = await api.ask(
                "POST", f"{machine}/vncproxy", headers=headers, form={"websocket": "1"}
            )
            _check(granted)
            ticket = granted.text("data", "ticket")
            query = f"port={_port(granted)}&vncticket={quote(ticket, safe='')}"
            try:
                return await site.open_screen(
                    f"{machine}/vncwebsocket?{query}",
                    progress,
                    headers=headers,
                    # Newer ones say the password beside the ticket; older ones take the ticket.
                    password=granted.find("data", "password") or ticket,
                    desktop_name=console.desktop_name,
                )
            except UpstreamError:
                # A VM that is off gets a ticket all the same, and a WebSocket that ends at once.
                if await _is_off(api, machine, headers):
                    raise MachineOff("the VM is turned off") from None
                raise

        return await site.screen_by(ask)

    async def power(self, target: Target) -> Power:
        """Raises: UpstreamError; also where the account lacks VM.Audit."""
        site = await find_site(self._dialler, target.console)
        async with site.api() as api:
            headers = await _sign_in(api, target.console)
            return await _power(api, _machine(target.console), headers)


def _machine(console: Console) -> str:
    found = _PATH.fullmatch(console.path or "")
    assert found is not None, "the inventory's address was checked"
    return f"/api2/json/nodes/{found['node']}/qemu/{found['vmid']}"


async def _sign_in(api: Api, console: Console) -> dict[str, str]:
    """The headers that say who asks. Raises: UpstreamError."""
    user, password = console.user or "", console.password or ""
    if "!" in user:
        # pve-manager, HTTPServer.pm: a token is its own user, in whose name tickets are made too,
        # and needs no CSRFPreventionToken.
        return {"Authorization": f"PVEAPIToken={user}={password}"}
    form = {"username": user, "password": password}
    answer = await api.ask("POST", "/api2/json/access/ticket", form=form)
    if answer.status == 401:
        raise AccountRefused("Proxmox refused the user or the password")
    _check(answer)
    ticket = answer.text("data", "ticket")
    # pve-access-control, AccessControl.pm: a ticket that waits for the second factor says so.
    if answer.find("data", "NeedTFA") or ticket.startswith("PVE:!tfa!"):
        raise UpstreamRefused("the user needs a second factor; give an API token instead")
    return {
        "Cookie": f"PVEAuthCookie={quote(ticket, safe='')}",
        "CSRFPreventionToken": answer.text("data", "CSRFPreventionToken"),
    }


def _check(answer: Answer) -> None:
    """Raises: UpstreamError. The reason is matched and never said: it is Proxmox's own."""
    if answer.status == 200:
        return
    said = f"{answer.reason} {answer.find('message') or ''}"
    if answer.status == 401:
        raise AccountRefused("Proxmox refused the API token")
    if answer.status == 403:
        raise UpstreamRefused("the account may not open this VM's console: it needs VM.Console")
    # pve-cluster: the file of a VM's configuration is not there on that node.
    if "Configuration file" in said and "does not exist" in said:
        raise UpstreamRefused("Proxmox knows no such VM on that node")
    # pve-cluster: remote_node_ip, and the VM's node is looked up by name.
    if any(words in said for words in ("hostname lookup", "no such cluster node", "remote IP")):
        raise UpstreamRefused("Proxmox knows no such node")
    if answer.status == 595:  # pve-http-server: the other node cannot be reached
        raise UpstreamError("Proxmox cannot reach that node")
    raise UpstreamRefused(f"Proxmox refused with status {answer.status}")


def _port(granted: Answer) -> int:
    found = granted.find("data", "port")  # a number in some versions, a text in others
    text = str(found) if isinstance(found, str | int) else ""
    if not text.isascii() or not text.isdecimal() or int(text[:6]) not in _VNC_PORTS:
        raise UpstreamRefused("the hypervisor's answer lacks port")
    return int(text)


async def _is_off(api: Api, machine: str, headers: Mapping[str, str]) -> bool:
    """Whether the VM is known to be off."""
    try:
        return await _power(api, machine, headers) is Power.OFF
    except UpstreamError:
        return False


async def _power(api: Api, machine: str, headers: Mapping[str, str]) -> Power:
    """Raises: UpstreamError."""
    answer = await api.ask("GET", f"{machine}/status/current", headers=headers)
    if answer.status == 401:
        raise AccountRefused("Proxmox refused the API token")
    if answer.status != 200:
        raise UpstreamRefused(f"Proxmox does not tell the VM's power ({answer.status})")
    # qemu-server: the state of the VM's process, and what QEMU itself says of the processors.
    match answer.find("data", "status"), answer.find("data", "qmpstatus"):
        case ("stopped", _) | (_, "shutdown"):
            return Power.OFF
        case "running", "running" | "debug" | None:
            return Power.RUNNING
        case "running", str():
            return Power.PAUSED
    return Power.UNKNOWN
