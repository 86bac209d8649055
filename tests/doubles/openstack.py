"""Keystone, Nova and Nova's VNC proxy on one port, as far as a console needs them.

From the Identity API v3 and the Compute API (2.6, "Create Console"), and from nova:
objects/console_auth_token.py and console/websocketproxy.py.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority

USER, PASSWORD, PROJECT = "eva", "keystone-password-canary", "shop"
CREDENTIAL, CREDENTIAL_SECRET = "0" * 32, "application-secret-canary"
_POWER_STATE = "OS-EXT-STS:power_state"
SERVER = "b16ba811-199d-4ffd-8839-ba96c1185a67"


class OpenstackDouble(ApiDouble):
    """One server."""

    def __init__(self, authority: Authority, screen: Screen) -> None:
        super().__init__(authority, screen)
        self.status = "ACTIVE"
        self.power_state: object = 1
        self.allowed = True
        self.old_page = False  # noVNC before 1.1.0
        self.compute_url: str | None = None  # what stands in the catalogue instead
        self.console_url: str | None = None  # what is handed out instead
        self.subpath = ""  # novncproxy_base_url?path=…
        self.tokens: list[str] = []
        self.console_tokens: list[str] = []

    @property
    def secrets(self) -> list[str]:
        """Everything that was handed out and may show nowhere."""
        return [*self.tokens, *self.console_tokens]

    async def reply(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and request.path == "/identity/v3/auth/tokens":
            return await self._sign_in(request)
        if request.headers.get("Upgrade") == "websocket":
            return await self._proxy(request)
        if request.headers.get("X-Auth-Token") not in self.tokens:
            return _fault(401, "unauthorized", "The request you have made requires authentication.")
        if request.path == f"/v2.1/servers/{SERVER}/remote-consoles":
            return await self._console(request)
        if request.path == f"/v2.1/servers/{SERVER}":
            server = {"id": SERVER, "status": self.status, _POWER_STATE: self.power_state}
            return web.json_response({"server": server})
        return _fault(404, "itemNotFound", "Instance could not be found.")

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        if not _known((await request.json())["auth"]):
            return _fault(401, "error", "The request you have made requires authentication.")
        token = f"gAAAAAB{secrets.token_urlsafe(60)}"
        self.tokens.append(token)
        compute = self.compute_url or f"https://127.0.0.1:{self.port}/v2.1"
        endpoints = [
            {"interface": "internal", "region_id": "one", "url": "https://internal.invalid/"},
            {"interface": "public", "region_id": "two", "url": "https://two.invalid/v2.1"},
            {"interface": "public", "region_id": "one", "url": compute},
        ]
        catalog = [
            {"type": "identity", "endpoints": []},
            {"type": "compute", "endpoints": endpoints},
        ]
        return web.json_response(
            {"token": {"catalog": catalog}}, status=201, headers={"X-Subject-Token": token}
        )

    async def _console(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["OpenStack-API-Version"] == "compute 2.6"
        assert await request.json() == {"remote_console": {"protocol": "vnc", "type": "novnc"}}
        if not self.allowed:
            return _fault(
                403, "forbidden", "Policy doesn't allow os_compute_api:os-remote-consoles"
            )
        if self.status == "BUILD":
            return _fault(409, "conflictingRequest", "Instance is not ready")
        if self.status == "SHUTOFF":
            return _fault(400, "badRequest", "Unavailable console type vnc.")
        token = secrets.token_hex(16)
        self.console_tokens.append(token)
        url = self.console_url or f"https://127.0.0.1:{self.port}/vnc_lite.html"
        query = {"token": token} if self.old_page else {"path": f"{self.subpath}?token={token}"}
        console = {"protocol": "vnc", "type": "novnc", "url": f"{url}?{urlencode(query)}"}
        return web.json_response({"remote_console": console})

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        assert "Origin" not in request.headers
        assert request.path == (f"/{self.subpath}" if not self.old_page else "/websockify")
        if request.query.get("token") not in self.console_tokens:
            self.screen = Screen(port=1)  # Nova's proxy upgrades first and throws out then
        return await self.show(request, protocols=("binary",))


def _known(auth: dict[str, Any]) -> bool:
    identity = auth["identity"]
    if identity["methods"] == ["application_credential"]:
        credential = {"id": CREDENTIAL, "secret": CREDENTIAL_SECRET}
        return bool(identity["application_credential"] == credential and "scope" not in auth)
    home = {"name": "Default"}
    user = {"name": USER, "domain": home, "password": PASSWORD}
    return bool(
        identity["password"]["user"] == user
        and auth["scope"] == {"project": {"name": PROJECT, "domain": home}}
    )


def _fault(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({kind: {"code": status, "message": message}}, status=status)
