"""Proxmox VE's API, as far as a console needs it.

From qemu-server (API2/Qemu.pm: vncproxy, vncwebsocket, status/current), pve-access-control
(AccessControl.pm, API2/AccessControl.pm: tickets, tokens) and pve-manager (HTTPServer.pm).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority

USER, PASSWORD = "eva@pve", "user-password-canary"
TOKEN, TOKEN_SECRET = "eva@pve!console", "api-token-canary"
NODE, VMID = "pve1", "100"


class ProxmoxDouble(ApiDouble):
    """`lock` is told each VNC password, so that the screen asks for it."""

    def __init__(self, authority: Authority, screen: Screen, lock: Callable[[str], None]) -> None:
        super().__init__(authority, screen)
        self._lock = lock
        self.old = False  # before the password was told beside the ticket
        self.second_factor = False
        self.on = True
        self.qmp_status: object = "running"
        self.may_look = True  # VM.Audit
        self.allowed = True
        self.tickets: list[str] = []
        self.passwords: list[str] = []
        self._sign_ins: dict[str, str] = {}  # tickets of people, and their CSRF tokens
        self._port = "5901"

    @property
    def secrets(self) -> list[str]:
        """Everything that was handed out and may show nowhere."""
        return [*self.tickets, *self.passwords, *self._sign_ins, *self._sign_ins.values()]

    async def reply(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.removeprefix("/api2/json/").split("/")
        if parts == ["access", "ticket"] and request.method == "POST":
            return await self._sign_in(request)
        if not self._known(request):
            return _error(401, "Authentication failed!")
        match request.method, *parts:
            case "POST", "nodes", node, "qemu", vmid, "vncproxy":
                return await self._vncproxy(request, node, vmid)
            case "GET", "nodes", node, "qemu", vmid, "vncwebsocket" if (node, vmid) == (NODE, VMID):
                return await self._vncwebsocket(request)
            case "GET", "nodes", node, "qemu", vmid, "status", "current":
                return self._status()
        return _error(501, "Method not implemented")

    def _status(self) -> web.StreamResponse:
        if not self.may_look:
            return _error(403, f"Permission check failed (/vms/{VMID}, VM.Audit)")
        state = ("running", self.qmp_status) if self.on else ("stopped", "stopped")
        return web.json_response({"data": dict(zip(("status", "qmpstatus"), state, strict=True))})

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if (form.get("username"), form.get("password")) != (USER, PASSWORD):
            return _error(401, "authentication failure")
        kind = "!tfa!%7B%7D" if self.second_factor else USER
        ticket = f"PVE:{kind}:{secrets.token_hex(4)}::{secrets.token_urlsafe(40)}+/=="
        csrf = f"{secrets.token_hex(4)}:{secrets.token_urlsafe(20)}"
        self._sign_ins[ticket] = csrf
        data = {"username": USER, "ticket": ticket, "CSRFPreventionToken": csrf}
        return web.json_response({"data": data | ({"NeedTFA": 1} if self.second_factor else {})})

    def _known(self, request: web.Request) -> bool:
        if request.headers.get("Authorization") == f"PVEAPIToken={TOKEN}={TOKEN_SECRET}":
            return True
        cookie = request.headers.get("Cookie", "")
        ticket = unquote(cookie.removeprefix("PVEAuthCookie="))
        csrf = self._sign_ins.get(ticket)
        return csrf is not None and (
            request.method == "GET" or request.headers.get("CSRFPreventionToken") == csrf
        )

    async def _vncproxy(self, request: web.Request, node: str, vmid: str) -> web.StreamResponse:
        if not self.allowed:
            return _error(403, f"Permission check failed (/vms/{vmid}, VM.Console)")
        if node != NODE:
            return _error(500, f"hostname lookup '{node}' failed - Name or service not known")
        if vmid != VMID:
            name = f"nodes/{node}/qemu-server/{vmid}.conf"
            return _error(500, f"Configuration file '{name}' does not exist")
        assert (await request.post()).get("websocket") == "1"
        ticket = f"PVEVNC:{secrets.token_hex(4)}::{secrets.token_urlsafe(30)}+/=="
        password = "".join(secrets.choice("abcdefgh!#+") for _ in range(8))
        told = {"user": USER, "ticket": ticket, "port": self._port, "upid": "UPID:…"}
        if self.old:
            password = ticket
        else:
            # Newer ones: the ticket proves the port too, and the password is told beside it.
            told |= {"ticket": f"{password}:{ticket}", "password": password, "port": 5901}
        self.tickets.append(str(told["ticket"]))
        self.passwords.append(password)
        self._lock(password[:8])
        return web.json_response({"data": told})

    async def _vncwebsocket(self, request: web.Request) -> web.StreamResponse:
        asked = request.query
        if asked.get("vncticket") not in self.tickets or asked.get("port") != self._port:
            return _error(401, "permission denied - invalid PVEVNC ticket")
        if not self.on:
            self.screen = Screen(port=1)  # `qm vncproxy` fails, after the upgrade
        return await self.show(request)


def _error(status: int, reason: str) -> web.Response:
    return web.json_response({"data": None, "message": reason}, status=status, reason=reason)
