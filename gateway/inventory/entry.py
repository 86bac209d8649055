"""One `[[machine]]` table of the inventory file, checked and made a `Machine`."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gateway.inventory.console_url import parse_console
from gateway.inventory.guest_url import parse_guest_agent, parse_power
from gateway.inventory.kinds import Kinds
from gateway.inventory.machine import ConsoleAddress, Machine
from gateway.inventory.secret_values import (
    Surroundings,
    from_environment,
    from_file,
    with_secrets,
)
from gateway.policy.facts import Vm
from gateway.policy.places import check_host

_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_COMPUTE = r"/providers/Microsoft\.Compute"
_RESOURCE_ID: Final = re.compile(
    rf"/subscriptions/(?P<subscription>{_GUID})/resourceGroups/[-\w.()]{{0,89}}[-\w()]{_COMPUTE}"
    r"(/virtualMachineScaleSets/[-\w.]{1,64})?/virtualMachines/(?P<name>[-\w.]{1,64})",
    re.IGNORECASE | re.ASCII,
)
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")

_Text = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f]+$")]


class Entry(BaseModel):
    """The keys of a `[[machine]]` table, but for the one of the console's own kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resource_id: _Text = Field(
        description="/subscriptions/GUID/resourceGroups/RG/providers/Microsoft.Compute/"
        "virtualMachines/NAME. Compared without regard to case."
    )
    name: _Text | None = Field(None, description="What people read. Default: NAME.")
    os: Literal["linux", "windows"] = Field("linux", description="linux or windows.")
    node: _Text = Field(description="The node (ERCS) that serves this console.")
    console: _Text = Field(
        description="vnc://HOST:PORT, vnc+unix:///PATH/TO/SOCKET, demo:NAME or an address of "
        "another kind. Only addresses given here are ever dialled."
    )
    user: _Text | None = Field(
        None, description="The account at the hypervisor, where the console's kind knows accounts."
    )
    password_file: Path | None = Field(
        None, description="A file whose first line is the password; relative to the inventory."
    )
    password_env: _Text | None = Field(
        None, description="The environment variable that holds the password."
    )
    password: _Text | None = Field(
        None, description="The password itself; only in an inventory of mode 0600."
    )
    tls: bool | None = Field(
        None,
        description="Require TLS with X.509 (for vnc: VeNCrypt). Default: with ca_file or pin, and "
        "wherever the console's kind is never without.",
    )
    ca_file: Path | None = Field(
        None, description="The authorities that may sign the console's certificate (PEM)."
    )
    pin: _Text | None = Field(
        None,
        description="SHA-256 fingerprint of the console's certificate. Without ca_file it alone "
        "decides; with it both must hold.",
    )
    server_name: _Text | None = Field(
        None, description="The name that the certificate must bear. Default: HOST."
    )
    desktop_name: _Text | None = Field(
        None,
        description="The name that the console must give itself, as `QEMU (web01)`: a port that "
        "was handed to another VM is then refused.",
    )
    guest_agent: _Text | None = Field(
        None,
        description="qga+unix:///PATH/TO/SOCKET of the QEMU guest agent, or demo:NAME. Without it "
        "no recovery action reaches this VM.",
    )
    power: _Text | None = Field(
        None,
        description="qmp+unix:///PATH/TO/SOCKET of QEMU's control socket, where the power state is "
        "asked, or demo:NAME. Without it the console's hypervisor is asked, where its kind can "
        "tell. A VM of which nobody tells counts as running.",
    )


def read_entry(table: Mapping[str, Any], kinds: Kinds, around: Surroundings) -> Machine:
    """The machine that a table describes. Raises: ValueError, `key: what is wrong with it`."""
    tables = {key: value for key, value in table.items() if key in kinds and type(value) is dict}
    keys = {key: value for key, value in table.items() if key not in tables}
    try:
        entry = Entry.model_validate(keys)
    except ValidationError as error:
        raise ValueError(_explain(error)) from None
    guest_agent = _address("guest_agent", entry.guest_agent, parse_guest_agent)
    power = _address("power", entry.power, parse_power)
    console = _console(entry, kinds, around)
    options = _options(console, tables, kinds, around)
    return Machine(_vm(entry), replace(console, options=options), guest_agent, power)


def _vm(entry: Entry) -> Vm:
    match = _RESOURCE_ID.fullmatch(entry.resource_id)
    if match is None:
        raise ValueError(
            "resource_id: must look like /subscriptions/GUID/resourceGroups/RG/providers/"
            "Microsoft.Compute/virtualMachines/NAME"
        )
    subscription = match["subscription"].lower()
    return Vm(entry.resource_id, subscription, entry.name or match["name"], entry.os, entry.node)


def _address(key: str, text: str | None, parse: Callable[[str], str]) -> str | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _console(entry: Entry, kinds: Kinds, around: Surroundings) -> ConsoleAddress:
    try:
        address = parse_console(entry.console, kinds)
    except ValueError as error:
        raise ValueError(f"console: {error}") from None
    password = _password(entry, around)
    address = replace(address, user=entry.user, password=password, desktop_name=entry.desktop_name)
    return _with_tls(address, entry, around)


def _options(
    console: ConsoleAddress, tables: Mapping[str, Any], kinds: Kinds, around: Surroundings
) -> Hashable | None:
    """What the console's kind makes of the table that bears its name."""
    scheme = console.scheme
    for other in tables.keys() - {scheme}:
        raise ValueError(f"{other}: the console is no {other} one")
    given = {
        key: with_secrets(value, around, f"{scheme}.{key}")
        for key, value in tables.get(scheme, {}).items()
    }
    return kinds[scheme].read(given, console)


def _with_tls(address: ConsoleAddress, entry: Entry, around: Surroundings) -> ConsoleAddress:
    named = entry.ca_file is not None or entry.pin is not None
    if entry.tls is False and named:
        raise ValueError("tls: false, though ca_file or pin ask for it")
    if entry.tls is False and address.tls:
        raise ValueError(f"tls: false, though {address.scheme} is never without")
    if not (entry.tls or named or address.tls):
        if entry.server_name:
            raise ValueError("server_name: means nothing without ca_file, pin or tls = true")
        return address
    pin = None if entry.pin is None else _fingerprint(entry.pin)
    server_name = _server_name(address, entry)
    ca_file = None if entry.ca_file is None else around.folder / entry.ca_file
    if ca_file is not None and not ca_file.is_file():
        raise ValueError(f"ca_file: {ca_file} is not a file")
    return replace(address, tls=True, ca_file=ca_file, pin=pin, server_name=server_name)


def _server_name(address: ConsoleAddress, entry: Entry) -> str | None:
    if entry.server_name is not None:
        try:
            check_host(entry.server_name)
        except ValueError as error:
            raise ValueError(f"server_name: {error}") from None
    elif address.host is None and (entry.ca_file is not None or entry.pin is None):
        # A pin that stands alone asks for no name.
        raise ValueError("server_name: a socket has no host name to check the certificate for")
    return entry.server_name


def _fingerprint(text: str) -> str:
    pin = text.lower().removeprefix("sha256:").replace(":", "")
    if not _FINGERPRINT.fullmatch(pin):
        raise ValueError("pin: must be the SHA-256 fingerprint, 64 hex digits")
    return pin


def _password(entry: Entry, around: Surroundings) -> str | None:
    sources = ("password_file", "password_env", "password")
    given = [source for source in sources if getattr(entry, source) is not None]
    if not given:
        return None
    if 1 < len(given):
        raise ValueError(f"{given[1]}: given beside {given[0]}; keep one")
    if entry.password_file is not None:
        return from_file(around.folder / entry.password_file, "password_file")
    if entry.password_env is not None:
        return from_environment(entry.password_env, around, "password_env")
    if not around.private:
        raise ValueError("password: others can read the inventory; chmod 600 it or use a file")
    return entry.password


def _explain(error: ValidationError) -> str:
    """The first problem, without the value: it may be a secret."""
    problem = error.errors(include_input=False)[0]
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key; known are {', '.join(Entry.model_fields)}"
    if problem["type"] == "missing":
        return f"{key}: missing"
    return f"{key}: {problem['msg']}"
