"""QEMU with a VM that finds nothing to boot: its firmware's menu and command line take keys.

The network card's own ROM (iPXE) is told by QEMU's built-in TFTP what to show. The VM reaches no
network, and no disk of this machine.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from gateway.certificates import make_development_certificates
from gateway.demo.engines.engine import (
    Plan,
    Program,
    free_port,
    listens,
    listens_at,
    write_private,
)

QEMU: Final = "qemu-system-x86_64"
_PACKAGES: Final = "qemu-system-x86 ipxe-qemu"
_FIRST_PORT: Final = 5900  # of VNC's displays
_MENU: Final = """\
#!ipxe
:start
menu {vm} finds nothing to boot from
item --gap -- This is its own firmware: no guest system runs, no network is reached.
item shell Look around on the firmware's command line
item again Start again
choose chosen && goto ${{chosen}} || goto start
:shell
echo Try help, ifstat, config and exit.
shell
goto start
:again
reboot
"""


@dataclass(frozen=True, slots=True)
class UnixVnc:
    """QEMU's VNC server on a Unix socket."""

    vm: str
    way: str = "VNC"
    programs: tuple[str, ...] = (QEMU,)
    packages: str = _PACKAGES

    def plan(self, folder: Path) -> Plan:
        """Its `vnc` and `power` are Unix sockets."""
        _write_menu(folder, self.vm)
        return Plan(
            [Program(QEMU, [*_hardware(self.vm), "-vnc", "unix:vnc"])],
            partial(listens_at, folder / "vnc"),
            lambda: _entry(f"vnc+unix://{folder / 'vnc'}", folder, self.vm),
        )


@dataclass(frozen=True, slots=True)
class WebSocketVnc:
    """QEMU's VNC server in a WebSocket, with TLS and a password."""

    vm: str
    way: str = "VNC, wss"
    programs: tuple[str, ...] = (QEMU,)
    packages: str = _PACKAGES

    def plan(self, folder: Path) -> Plan:
        """Every port that it opens wants the password, and speaks TLS."""
        _write_menu(folder, self.vm)
        ca_file = _write_certificate(folder / "tls")
        password = folder / "password"
        write_private(password, secrets.token_hex(4))  # VNC takes 8 characters
        plain, port = free_port(), free_port()
        doors = [
            *("-object", "secret,id=password,file=password"),
            *("-object", "tls-creds-x509,id=tls,dir=tls,endpoint=server,verify-peer=off"),
            *("-vnc", f"127.0.0.1:{plain - _FIRST_PORT},websocket={port},tls-creds=tls,"
              "password-secret=password"),
        ]  # fmt: skip
        return Plan(
            [Program(QEMU, [*_hardware(self.vm), *doors])],
            partial(listens, port),
            lambda: (
                _entry(f"wss://127.0.0.1:{port}/", folder, self.vm)
                + f'password_file = "{password}"\nca_file = "{ca_file}"\n'
            ),
        )


def _hardware(vm: str) -> list[str]:
    return [
        *("-accel", "tcg,tb-size=16", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-name", vm, "-m", "64", "-vga", "std", "-no-shutdown"),
        *("-nic", "user,restrict=on,model=virtio-net-pci,tftp=tftp,bootfile=menu.ipxe"),
        *("-qmp", "unix:power,server=on,wait=off"),
    ]


def _write_menu(folder: Path, vm: str) -> None:
    (folder / "tftp").mkdir()
    (folder / "tftp" / "menu.ipxe").write_text(_MENU.format(vm=vm), encoding="ascii")


def _write_certificate(folder: Path) -> Path:
    """Under the names that QEMU looks for; the authority's file is returned."""
    made = make_development_certificates(folder, ("127.0.0.1",), datetime.now(UTC))
    for file, name in (
        (made.ca, "ca-cert.pem"),
        (made.certificate, "server-cert.pem"),
        (made.private_key, "server-key.pem"),
    ):
        file.rename(folder / name)
    return folder / "ca-cert.pem"


def _entry(console: str, folder: Path, vm: str) -> str:
    return (
        f'console = "{console}"\ndesktop_name = "QEMU ({vm})"\n'
        f'power = "qmp+unix://{folder / "power"}"\n'
    )
