"""An RDP server (freerdp-shadow, with NLA) over an X server with a terminal on it."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.x509 import load_pem_x509_certificate

from gateway.backends.rdp.child.xserver import authority, new_cookie
from gateway.demo.engines.engine import Plan, Program, free_port, listens, write_private
from gateway.demo.engines.md4 import nt_hash

_SHADOW: Final = "freerdp-shadow-cli"
_USER: Final = "demo"
# No shell: what is typed shows, and that is all. Ctrl+C, Ctrl+Z and Ctrl+D end nothing.
_ECHO: Final = """\
stty -isig
printf '%s\\n\\n' "$0: an X server behind an RDP server" \
'What is typed here shows here, to the operator and to the tenant alike.'
while :; do cat >/dev/null; done
"""
_XTERM: Final = (
    *("-fa", "Monospace", "-fs", "14", "-geometry", "93x33+0+0", "+sb", "+bc"),
    *("-bg", "#102030", "-fg", "#d8e4f0", "-xrm", "XTerm*omitTranslation: popup-menu"),
)


@dataclass(frozen=True, slots=True)
class ShadowedDesktop:
    """What the gateway reaches as it reaches any RDP server."""

    vm: str
    way: str = "RDP"
    programs: tuple[str, ...] = (_SHADOW, "xfreerdp", "Xvnc")
    packages: str = "freerdp2-shadow-x11 freerdp2-x11 tigervnc-standalone-server xterm"

    def plan(self, folder: Path) -> Plan:
        """A fresh password; the certificate is the server's own, made at its start."""
        password = secrets.token_urlsafe(16)
        write_private(folder / "password", password)
        write_private(folder / "accounts", f"{_USER}:::{nt_hash(password)}:::\n")
        write_private(folder / "xauthority", authority(new_cookie()))
        port = free_port()
        return Plan(
            [_xserver(), *_terminal(self.vm), _shadow(port)],
            lambda: listens(port),
            lambda: _entry(folder, port),
        )


def _xserver() -> Program:
    # The stipple shows that there is a screen where there is no terminal.
    look = () if shutil.which("xterm") else ("-retro",)
    arguments = [
        *("-auth", "xauthority", "-nolisten", "tcp", "-nolisten", "unix"),
        *("-rfbport", "-1", "-SecurityTypes", "None", "-geometry", "1024x768", "-depth", "24"),
        *("-noreset", "-s", "0", "-extension", "GLX", "-Log", "*:stderr:0", *look),
    ]
    return Program("Xvnc", arguments, is_display=True)


def _terminal(vm: str) -> list[Program]:
    if shutil.which("xterm") is None:
        return []
    arguments = [*_XTERM, "-e", "sh", "-c", _ECHO, vm]
    return [Program("xterm", arguments, {"XAUTHORITY": "xauthority"})]


def _shadow(port: int) -> Program:
    arguments = [
        *(f"/port:{port}", "/bind-address:127.0.0.1", "/sec:nla", "/sam-file:accounts", "+auth"),
    ]
    return Program(_SHADOW, arguments, {"XAUTHORITY": "xauthority"})


def _entry(folder: Path, port: int) -> str:
    made = (folder / ".config/freerdp/shadow/shadow.crt").read_bytes()
    pin = load_pem_x509_certificate(made).fingerprint(hashes.SHA256()).hex()
    return (
        f'console = "rdp://127.0.0.1:{port}"\nuser = "{_USER}"\n'
        f'password_file = "{folder / "password"}"\npin = "{pin}"\n'
        '[machine.rdp]\nsecurity = "nla"\n'
    )
