"""Asks libvirt one thing and answers it.

The gateway holds the other end of our standard input: a line of JSON comes that says what to ask,
one goes back. Nothing that libvirt words itself is passed on: it may hold anything.
"""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

from gateway.backends.libvirt.child.domain import UnreadableError, read_domain
from gateway.backends.rdp.child.bounds import confine, die_with_parent

_LONGEST_ORDER = 16 * 1024
_MOST_DOMAINS = 10_000
_LONGEST_NAME = 256

# libvirt/virterror.h: those that are told apart; the gateway has the words for them.
_TOLD = (
    "ACCESS_DENIED",
    "AUTH_CANCELLED",
    "AUTH_FAILED",
    "AUTH_UNAVAILABLE",
    "NO_DOMAIN",
    "NO_SUPPORT",
    "OPERATION_DENIED",
    "OPERATION_UNSUPPORTED",
    "RPC",
    "SYSTEM_ERROR",
)


def main() -> int:
    """Serve one order."""
    gateway = socket.socket(fileno=0)
    with gateway.makefile("rb") as lines:
        line = lines.readline(_LONGEST_ORDER)
    if not line.endswith(b"\n"):
        return 0  # the gateway went before it said what it wants
    order = json.loads(line)
    confine(order["memory"], None)
    die_with_parent(order["parent"], signal.SIGKILL)
    gateway.sendall(json.dumps(_answer(order)).encode() + b"\n")
    return 0


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    try:
        import libvirt  # noqa: PLC0415 - where it is missing, that is the answer
    except ImportError:
        return {"error": "MISSING"}
    libvirt.registerErrorHandler(lambda *_: None, None)  # it would print them
    try:
        return _Host(libvirt, order).answer()
    except libvirt.libvirtError as error:
        return _told(libvirt, error)
    except UnreadableError:
        return {"error": "UNREADABLE"}


class _Host:
    """A connection to libvirt, and what is asked of it."""

    def __init__(self, libvirt: Any, order: dict[str, Any]) -> None:
        self._libvirt = libvirt
        self._order = order
        # Who may only look is let in by hosts that let few do more.
        read_only = order["ask"] in ("power", "list", "address")
        connect = libvirt.openReadOnly if read_only else libvirt.open
        self._connection = connect(order["uri"])

    def answer(self) -> dict[str, Any]:
        """What the order asks for. Raises: libvirtError, UnreadableError."""
        if self._order["ask"] == "list":
            return {"domains": self._domains()}
        domain = self._connection.lookupByUUIDString(self._order["uuid"])
        state = self._state(domain)
        if self._order["ask"] == "power":
            return {"state": state}
        if state == "off":
            return {"error": "OFF"}
        try:
            return self._console(domain)
        except self._libvirt.libvirtError:
            if self._state(domain) == "off":  # it was turned off in between
                return {"error": "OFF"}
            raise

    def _console(self, domain: Any) -> dict[str, Any]:
        """Have it opened here (`open`), or say where it is (`address`, or `secrets` too)."""
        secure = self._libvirt.VIR_DOMAIN_XML_SECURE if self._order["ask"] == "secrets" else 0
        found = read_domain(domain.XMLDesc(secure))
        vnc = found.vnc()
        if vnc is None:
            return {"error": "NO_VNC", "spice": any(g.kind == "spice" for g in found.graphics)}
        if self._order["ask"] == "open":
            # Whoever may ask for this needs no password of the VNC server's.
            skip = self._libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH
            domain.openGraphics(vnc.number, self._order["file"], skip)
            return {"opened": True}
        return {"listen": vnc.listen, "port": vnc.port, "password": vnc.password}

    def _domains(self) -> list[dict[str, Any]]:
        found = self._connection.listAllDomains(0)
        return [self._described(domain) for domain in found[:_MOST_DOMAINS]]

    def _described(self, domain: Any) -> dict[str, Any]:
        described = {"name": domain.name()[:_LONGEST_NAME], "uuid": domain.UUIDString()}
        try:
            known = read_domain(domain.XMLDesc(0))
        except UnreadableError:
            return described | {"vnc": False, "windows": False}
        return described | {"vnc": known.vnc() is not None, "windows": known.windows}

    def _state(self, domain: Any) -> str:
        """libvirt/libvirt-domain.h, virDomainState: one that is shutting down still runs."""
        state, _ = domain.state()
        names = {"off": ("SHUTOFF", "CRASHED"), "paused": ("PAUSED", "PMSUSPENDED"),
                 "running": ("RUNNING", "BLOCKED", "SHUTDOWN")}  # fmt: skip
        for word, each in names.items():
            if state in [getattr(self._libvirt, f"VIR_DOMAIN_{name}") for name in each]:
                return word
        return "unknown"


def _told(libvirt: Any, error: Any) -> dict[str, Any]:
    """Which error it is, by its number alone; for a failed system call, which failure."""
    number = error.get_error_code()
    known = {getattr(libvirt, f"VIR_ERR_{name}"): name for name in _TOLD}
    answer: dict[str, Any] = {"error": known.get(number, "OTHER"), "number": number}
    if answer["error"] == "SYSTEM_ERROR":
        answer["errno"] = error.get_int1()
    return answer
