"""`hyperv://host/VM` and `rdp://host`: what their entries say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import SplitResult

from pydantic import Field, field_validator

from gateway.backends.rdp.keyboard import layout
from gateway.backends.tables import Options, read_table
from gateway.backends.targets import Console
from gateway.backends.winrm import Winrm, check_winrm
from gateway.policy.places import ConsolePlace, check_plain, host_and_port

RDP_PORT: Final = 3389
HYPERV_PORT: Final = 2179
_MACHINE: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_PASSWORD: Final = 500  # bytes; FreeRDP reads no more of them
_USER: Final = re.compile(r"(?:(?P<domain>[^\\@]+)\\)?(?P<user>[^\\]+)")

Security = Literal["any", "nla", "tls"]


@dataclass(frozen=True, slots=True)
class RdpOptions:
    """What an entry settles. `machine`: the VM's id on a Hyper-V host; None for an RDP server."""

    machine: str | None
    security: Security = "any"
    memory: int = 512
    run_as: str | None = None
    winrm: Winrm | None = None  # where the VM's power is asked
    keyboard: str | None = None  # the layout, as FreeRDP takes it


class _Table(Options):
    memory: int = Field(512, ge=128, le=4096)  # MiB that each of the two programs may have
    run_as: str | None = Field(None, min_length=1, max_length=32)


class _HypervTable(_Table):
    winrm: Winrm | None = None


class _RdpTable(_Table):
    security: Security = "any"
    keyboard: str | None = None

    @field_validator("keyboard")
    @classmethod
    def _known_layout(cls, keyboard: str | None) -> str | None:
        return None if keyboard is None else layout(keyboard)


def place(url: SplitResult) -> ConsolePlace:
    """Raises: ValueError."""
    check_plain(url)
    if url.scheme == "rdp":
        if url.path.strip("/"):
            raise ValueError("must look like rdp://host:3389")
        host, port = host_and_port(url, RDP_PORT, "rdp://host:3389")
        return ConsolePlace(host=host, port=port, tls=True)
    example = "hyperv://host:2179/VM-GUID"
    host, port = host_and_port(url, HYPERV_PORT, example)
    machine = url.path.removeprefix("/").lower()
    if not _MACHINE.fullmatch(machine):
        raise ValueError(f"must look like {example}, with the VM's id and no braces")
    return ConsolePlace(host=host, port=port, path=f"/{machine}", tls=True)


def read(table: Mapping[str, Any], console: Console) -> RdpOptions:
    """Raises: ValueError."""
    if console.desktop_name is not None:
        raise ValueError(f"desktop_name: {console.scheme} consoles call themselves nothing")
    _check_account(console)
    _check_certificate(console)
    if console.scheme == "rdp":
        known = read_table(_RdpTable, table, "rdp")
        return RdpOptions(None, known.security, known.memory, known.run_as, keyboard=known.keyboard)
    assert console.path is not None
    machine = console.path.removeprefix("/")
    hyperv = read_table(_HypervTable, table, "hyperv")
    check_winrm(hyperv.winrm)
    return RdpOptions(machine, "nla", hyperv.memory, hyperv.run_as, hyperv.winrm)


def account(user: str) -> tuple[str, str | None]:
    r"""User and domain of `user`, `DOMAIN\user` or `user@domain`. Raises: ValueError."""
    match = _USER.fullmatch(user)
    if match is None:
        raise ValueError(r"user: must look like user, DOMAIN\user or user@domain")
    return match["user"], match["domain"]


def _check_account(console: Console) -> None:
    if console.user is None:
        raise ValueError(f"user: missing; {console.scheme} consoles want an account of the host")
    account(console.user)
    if console.password is None:
        raise ValueError("password_file: missing; say the account's password")
    if _LONGEST_PASSWORD < len(console.password.encode()) or "\n" in console.password:
        raise ValueError(f"password: one line of at most {_LONGEST_PASSWORD} bytes")


def _check_certificate(console: Console) -> None:
    if console.pin is None and console.ca_file is None:
        raise ValueError(
            "pin: missing; say the SHA-256 fingerprint of the host's certificate, or its ca_file"
        )
    if console.pin is not None and console.ca_file is not None:
        raise ValueError("ca_file: given beside pin; keep one, FreeRDP cannot ask for both")
