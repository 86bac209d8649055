"""One entry of the inventory: a VM, and where its console and its other doors are."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.policy.facts import Vm


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """Where a console is and how to recognise it.

    INVARIANT: `str()` of it holds no secret, and is the same for two that are one console.
    """

    scheme: str
    host: str | None = None
    port: int | None = None
    path: str | None = None  # a socket's, or what stands behind host and port
    name: str | None = None  # demo: the machine's name there
    user: str | None = None  # whose `password` it is, where the kind knows users
    password: str | None = field(default=None, repr=False)
    tls: bool = False  # TLS with an X.509 certificate (vnc: VeNCrypt), and nothing less
    ca_file: Path | None = None  # None, with `tls` and no `pin`: the system's authorities
    pin: str | None = None  # SHA-256 of the certificate in DER, 64 lower-case hex digits
    server_name: str | None = None  # what the certificate must be for; None: `host`
    desktop_name: str | None = None  # what the console must call itself; None: anything
    options: Hashable | None = None  # what the kind made of its own table

    def __str__(self) -> str:
        if self.name is not None:
            return f"{self.scheme}:{self.name}"
        host = f"[{self.host}]" if ":" in (self.host or "") else self.host or ""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{host}{port}{self.path or ''}"


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM that the gateway knows. Two entries are equal when nothing about them differs."""

    vm: Vm
    console: ConsoleAddress
    guest_agent: str | None = None  # "qga+unix:///path" or "demo:name"
    power: str | None = None  # "qmp+unix:///path" or "demo:name"
