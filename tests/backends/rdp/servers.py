"""RDP servers made by others, each showing an X server that a test can look at."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.x509 import load_pem_x509_certificate

from gateway.backends.rdp.options import RdpOptions, Security
from gateway.inventory import ConsoleAddress, Machine
from tests.doubles.authority import Authority
from tests.doubles.ports import free_port
from tests.doubles.watching import machine_at
from tests.hypervisor.programs import Child, need, wait_for
from tests.hypervisor.xservers import XServer

USER: Final = "evahost"
PASSWORD: Final = "Marsh-mallow-77"
_NT_HASH: Final = "ca07c232c58d41e1ab7f53cb17778cc1"  # of PASSWORD: MD4 of its UTF-16LE

_XRDP: Final = """\
[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{port}
tcp_nodelay=true
security_layer=tls
certificate={certificate}
key_file={key}
ssl_protocols=TLSv1.2, TLSv1.3
autorun=behind
max_bpp=32
allow_channels=true
use_fastpath=both
[Logging]
LogFile={log}
LogLevel=INFO
EnableSyslog=false
[Channels]
[behind]
name=behind
lib=libvnc.so
ip=127.0.0.1
port={vnc}
username=na
password=na
"""


class RdpServer:
    """A server on loopback; `pin` is its certificate's."""

    def __init__(self, port: int, pin: str) -> None:
        self.port = port
        self.pin = pin
        self.child: Child

    def machine(
        self,
        *,
        password: str = PASSWORD,
        pin: str | None = None,
        security: Security = "any",
        port: int | None = None,
    ) -> Machine:
        """An inventory's machine whose console this is."""
        return rdp_machine(port or self.port, pin or self.pin, password, security=security)

    def stop(self) -> None:
        self.child.kill()


class Xrdp(RdpServer):
    """xrdp, which shows a VNC server; TLS alone."""

    def __init__(self, folder: Path, behind: XServer) -> None:
        need("xrdp")
        authority = Authority(folder)
        super().__init__(free_port(), authority.pin)
        self.authority = authority
        settings = folder / "xrdp.ini"
        settings.write_text(
            _XRDP.format(
                port=self.port, certificate=authority.certificate_file, key=authority.key_file,
                log=folder / "xrdp.log", vnc=behind.port,
            )
        )  # fmt: skip
        command = ["xrdp", "--nodaemon", "--config", str(settings)]
        self.child = Child(command, folder / "xrdp.out")
        wait_for(lambda: answers(self.port), "xrdp")


class Shadow(RdpServer):
    """freerdp-shadow, which shows an X server; with NLA or TLS alone."""

    def __init__(self, folder: Path, behind: XServer, *, nla: bool, port: int = 0) -> None:
        need("freerdp-shadow-cli")
        super().__init__(port or free_port(), "")
        accounts = folder / "sam"
        accounts.write_text(f"{USER}:::{_NT_HASH}:::\n")
        ways = ["/sec:nla", f"/sam-file:{accounts}", "+auth"] if nla else ["/sec:tls", "-auth"]
        self.child = Child(
            ["freerdp-shadow-cli", f"/port:{self.port}", "/bind-address:127.0.0.1", *ways],
            folder / "shadow.out",
            # It makes its key at home, once.
            environment={"DISPLAY": behind.display, "HOME": str(folder)},
        )
        wait_for(lambda: answers(self.port), "freerdp-shadow")
        self.pin = pin_of(folder / ".config/freerdp/shadow/shadow.crt")


def rdp_machine(
    port: int,
    pin: str | None,
    password: str = PASSWORD,
    *,
    security: Security = "any",
    vm: str | None = None,
    ca_file: Path | None = None,
    server_name: str | None = None,
) -> Machine:
    """An inventory's machine with an RDP console at a loopback port; Hyper-V's where `vm` is."""
    console = ConsoleAddress(
        "rdp" if vm is None else "hyperv", host="127.0.0.1", port=port, user=USER,
        password=password, tls=True, pin=pin, ca_file=ca_file, server_name=server_name,
    )  # fmt: skip
    return machine_at(replace(console, options=RdpOptions(vm, security)))


def pin_of(certificate: Path) -> str:
    loaded = load_pem_x509_certificate(certificate.read_bytes())
    return loaded.fingerprint(hashes.SHA256()).hex()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5):
            return True
    except OSError:
        return False


def server_context(authority: Authority) -> ssl.SSLContext:
    """TLS as a host speaks it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_file, authority.key_file)
    return context
