"""XAPI of a pool of one host, as far as a console needs it.

From xen-api: ocaml/xapi/console.ml, xapi_http.ml, xapi_session.ml, api_server.ml, xapi_xenops.ml,
ocaml/libs/http-lib/ws_helpers.ml and ocaml/wsproxy/.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from aiohttp import web

from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority

USER, PASSWORD = "root", "pool-password-canary"
VM = "714f388b-31ed-67cb-617b-0276e35155ef"
_VM_REF = "OpaqueRef:8acb7723-a5f0-5fc5-cd53-9f1e3a7d3069"
_CONSOLES = {"OpaqueRef:11111111-aaaa": "vt100", "OpaqueRef:22222222-bbbb": "rfb"}
CONSOLE = "b5c4a8f0-0c4e-4a48-8fb2-0c7f6d9f6a11"


class Refusal(Exception):
    """An error of the API: its code and what it is about."""


class XapiDouble(ApiDouble):
    """One VM with two consoles, the second of which is VNC."""

    def __init__(self, authority: Authority, screen: Screen) -> None:
        super().__init__(authority, screen)
        self.state: object = "Running"
        self.allowed = True
        self.consoles: object = list(_CONSOLES)
        self.master: str | None = None  # of the pool, if it is another
        self.location: str | None = None  # what is handed out; None: where the client came in
        self.websockets = 101  # or what is answered instead of one
        self.broken: tuple[str, ...] = ()  # what every sign-in is answered with
        self.slow_farewell = False  # answers no sign-out
        self.leaving = 0  # sign-outs that came
        self.tickets: list[str] = []  # every session's id
        self.signed_in: set[str] = set()

    @property
    def secrets(self) -> list[str]:
        """Everything that was handed out and may show nowhere."""
        return self.tickets

    async def reply(self, request: web.Request) -> web.StreamResponse:
        if request.method == "POST" and request.path == "/jsonrpc":
            return await self._answer_call(await request.json(), request.host)
        if request.method == "GET" and request.path == "/console":
            return await self._show_console(request)
        return web.Response(status=404)

    async def _answer_call(self, call: dict[str, Any], host: str) -> web.StreamResponse:
        assert call["jsonrpc"] == "2.0"
        said: dict[str, Any]
        if call["method"] == "session.logout":
            self.leaving += 1
            if self.slow_farewell:
                await asyncio.sleep(60)
        try:
            said = {"result": self._carry_out(host, call["method"], *call["params"])}
        except Refusal as refusal:
            code, *about = refusal.args
            said = {"error": {"code": 1, "message": code, "data": about}}
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], **said})

    def _carry_out(self, host: str, method: str, *params: Any) -> Any:
        if method == "session.login_with_password":
            return self._sign_in(*params)
        session, *rest = params
        if session not in self.signed_in:
            raise Refusal("SESSION_INVALID", session)
        if not self.allowed and method != "session.logout":
            raise Refusal("RBAC_PERMISSION_DENIED", method.lower(), "No permission")
        if method == "session.logout":
            self.signed_in.discard(session)
            return ""
        (about,) = rest
        if method == "VM.get_by_uuid" and about != VM:
            raise Refusal("UUID_INVALID", "VM", about)
        known = {
            ("VM.get_by_uuid", VM): _VM_REF,
            ("VM.get_power_state", _VM_REF): self.state,
            ("VM.get_consoles", _VM_REF): self.consoles,
        }
        for console, protocol in _CONSOLES.items():
            where = self.location or f"https://{host}/console?uuid={CONSOLE}"
            known |= {
                ("console.get_protocol", console): protocol,
                ("console.get_location", console): where if protocol == "rfb" else "nowhere",
            }
        if (method, about) not in known:
            raise Refusal("HANDLE_INVALID", method.partition(".")[0], about)
        return known[method, about]

    def _sign_in(self, user: str, password: str, version: str, originator: str) -> str:
        assert (version, originator) == ("2.0", "eva-gateway")
        if self.broken:
            raise Refusal(*self.broken)
        if self.master is not None:
            raise Refusal("HOST_IS_SLAVE", self.master)
        if (user, password) != (USER, PASSWORD):
            raise Refusal("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
        session = f"OpaqueRef:{secrets.token_hex(16)}"
        self.tickets.append(session)
        self.signed_in.add(session)
        return session

    async def _show_console(self, request: web.Request) -> web.StreamResponse:
        session = request.headers.get("Cookie", "").removeprefix("session_id=")
        if session not in self.signed_in:
            return web.Response(status=401)
        if request.query != {"uuid": CONSOLE} or self.state != "Running":
            return web.Response(status=500)
        if self.websockets != 101:
            return web.Response(status=self.websockets)
        # ws_helpers.ml says "binary" to whoever comes, and a client must have offered it.
        assert "binary" in request.headers.get("Sec-WebSocket-Protocol", "")
        return await self.show(request, protocols=("binary",))
