"""The entries of an inventory file for the VMs of a libvirt host."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from gateway.backends.libvirt import LibvirtBackend, LibvirtKind
from gateway.cli.failures import Failure
from gateway.cli.output import printable
from gateway.errors import RfbError, SettingsError, UpstreamError
from gateway.inventory import Inventory, Machine

_PATIENCE: Final = 60.0
_NOT_IN_A_NAME: Final = re.compile(r"[^-A-Za-z0-9_.]+")
_LONGEST_NAME: Final = 64
_LONGEST_TITLE: Final = 512
_NOBODY: Final = str(UUID(int=0))


@dataclass(frozen=True, slots=True)
class Host:
    """Where libvirt is, as each of its VMs' entries says."""

    address: str | None  # None: this machine
    mode: str  # system or session
    keys: Mapping[str, str]  # of the entry
    settled: Mapping[str, str | bool]  # of its [machine.libvirt]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of asking."""

    entries: list[list[str]]  # lines of TOML
    remarks: list[str]  # sentences for a person


async def entries(host: Host, *, subscription: str, resource_group: str, node: str) -> Found:
    """An entry for each VM that has a console.

    Raises: Failure. Whatever an entry could not say is refused before libvirt is asked.
    """

    def entry(name: str, uuid: str, title: str, *, windows: bool) -> list[str]:
        group = f"/subscriptions/{subscription}/resourceGroups/{resource_group}"
        return _lines(
            {
                "resource_id": f"{group}/providers/Microsoft.Compute/virtualMachines/{name}",
                **({} if title == name else {"name": title}),
                **({"os": "windows"} if windows else {}),
                "node": node,
                "console": f"libvirt://{host.address or ''}/{host.mode}/{uuid}",
                **host.keys,
            },
            host.settled,
        )

    domains = await _ask(_machine(entry("vm", _NOBODY, "vm", windows=False)))
    names = _Names()
    found = Found([], [])
    for domain in sorted(domains, key=lambda each: str(each["name"])):
        title = printable(str(domain["name"]))[:_LONGEST_TITLE]
        if not domain["vnc"]:
            found.remarks.append(f"{title} is left out: it has no VNC graphics")
            continue
        uuid = str(UUID(domain["uuid"]))
        lines = entry(names.new(title, uuid), uuid, title, windows=bool(domain["windows"]))
        found.entries.append(lines)
    if not found.entries:
        found.remarks.append("libvirt has no VM with VNC graphics there")
    return found


def _machine(lines: Iterable[str]) -> Machine:
    """The entry as the gateway will read it. Raises: Failure."""
    try:
        (machine,) = Inventory.parse("\n".join(lines), {"libvirt": LibvirtKind()}).machines()
    except SettingsError as error:
        raise Failure(str(error).partition("): ")[2]) from None
    return machine


async def _ask(machine: Machine) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await LibvirtBackend().domains(machine)
    except TimeoutError:
        raise Failure(f"libvirt gave no answer within {_PATIENCE:g} s") from None
    except (UpstreamError, RfbError) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "the connection failed"
        raise Failure(f"the host cannot be reached: {why}") from None


def _lines(keys: Mapping[str, str], settled: Mapping[str, str | bool]) -> list[str]:
    lines = ["[[machine]]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
    if settled:
        lines += ["[machine.libvirt]", *(f"{key} = {_toml(v)}" for key, v in settled.items())]
    return lines


def _toml(value: str | bool) -> str:
    """As TOML 1.0 writes it: like JSON, where no character is a control."""
    return json.dumps(printable(value) if isinstance(value, str) else value, ensure_ascii=False)


class _Names:
    """Names for resource ids, no two alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, title: str, uuid: str) -> str:
        """As libvirt's own name as a resource id can have it."""
        name = _NOT_IN_A_NAME.sub("-", title).strip("-")[:_LONGEST_NAME] or "vm"
        if name.lower() in self._taken:
            name = f"{name[: _LONGEST_NAME - 37]}-{uuid}"
        self._taken.add(name.lower())
        return name
