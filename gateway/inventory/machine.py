"""One entry of the inventory: a VM, and where its console and its other doors are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.policy.facts import Vm

Scheme = Literal["vnc", "vnc+unix", "demo"]


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """Where a console is and how to recognise it. `str()` of it holds no secret."""

    scheme: Scheme
    host: str | None = None  # vnc
    port: int | None = None  # vnc
    path: str | None = None  # vnc+unix
    name: str | None = None  # demo: the machine's name there
    password: str | None = field(default=None, repr=False)
    tls: bool = False  # VeNCrypt with an X.509 certificate, and nothing less
    ca_file: Path | None = None  # None, with `tls` and no `pin`: the system's authorities
    pin: str | None = None  # SHA-256 of the certificate in DER, 64 lower-case hex digits
    server_name: str | None = None  # what the certificate must be for; None: `host`
    desktop_name: str | None = None  # what the console must call itself; None: anything

    def __str__(self) -> str:
        if self.scheme == "vnc":
            host = f"[{self.host}]" if ":" in (self.host or "") else self.host
            return f"vnc://{host}:{self.port}"
        return f"vnc+unix://{self.path}" if self.scheme == "vnc+unix" else f"demo:{self.name}"


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM that the gateway knows. Two entries are equal when nothing about them differs."""

    vm: Vm
    console: ConsoleAddress
    guest_agent: str | None = None  # "qga+unix:///path" or "demo:name"
    power: str | None = None  # "qmp+unix:///path" or "demo:name"
