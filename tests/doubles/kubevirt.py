"""Kubernetes' API with KubeVirt's subresources, as far as a console needs them.

From kubevirt: pkg/virt-api/rest/vnc.go, streamer.go, dialers.go, subresource.go and
pkg/virt-handler/rest/console.go.
"""

from __future__ import annotations

from aiohttp import web

from tests.doubles.apidouble import ApiDouble, Screen
from tests.doubles.authority import Authority

TOKEN = "bearer-token-canary"
NAMESPACE, NAME = "shop", "web01"


class KubevirtDouble(ApiDouble):
    """One VM; `phase` None means that it is off and has no instance."""

    def __init__(self, authority: Authority, screen: Screen) -> None:
        super().__init__(authority, screen)
        self.phase: str | None = "Running"
        self.printable: object = None  # what its status is called, if not by its phase
        self.allowed = True
        self.may_look = True  # get virtualmachines
        self.in_use = False  # by a client of somebody else's
        self.kept = ""  # what was said about a session that is already there
        self.prefix = ""

    async def reply(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized")
        path = request.path.removeprefix(self.prefix)
        home = f"/namespaces/{NAMESPACE}"
        if path == f"/apis/kubevirt.io/v1{home}/virtualmachines/{NAME}":
            if not self.may_look:
                return _status(403, "virtualmachines is forbidden")
            status = {"printableStatus": self.printable or ("Running" if self.phase else "Stopped")}
            return web.json_response({"kind": "VirtualMachine", "status": status})
        if path == f"/apis/subresources.kubevirt.io/v1{home}/virtualmachineinstances/{NAME}/vnc":
            return await self._vnc(request)
        return _status(404, "not found")

    async def _vnc(self, request: web.Request) -> web.StreamResponse:
        self.kept = request.query.get("preserveSession", "")
        if not self.allowed:
            return _status(403, "cannot get resource virtualmachineinstances/vnc")
        if self.phase is None:
            return _status(404, f'virtualmachineinstance.kubevirt.io "{NAME}" not found')
        if self.phase != "Running":
            return _status(400, "VMI is not running")
        if self.in_use and self.kept == "true":
            return _status(
                500,
                "Internal error occurred: websocket: bad handshake: Can't connect to websocket "
                "(503): Active VNC connection. Request denied.",
            )
        if "plain.kubevirt.io" not in request.headers.get("Sec-WebSocket-Protocol", ""):
            return _status(400, "no subprotocol")
        return await self.show(request, protocols=("plain.kubevirt.io",))


def _status(code: int, message: str) -> web.Response:
    body = {"kind": "Status", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code)
