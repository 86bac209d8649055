"""The consoles that are to be tried: an inventory's entries, and what stands in them."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from gateway.backends import Kind, load_kinds
from gateway.inventory import ConsoleAddress, Inventory, Machine
from gateway.inventory.secret_values import Surroundings, with_secrets

# Shorter ones stand in any text by chance.
_SHORTEST_SECRET: Final = 6


@dataclass(frozen=True)
class Entry:
    """One `[[machine]]`. `table` is its kind's own, secrets read; `kinds` are all there are."""

    url: str
    machine: Machine
    kind: Kind
    kinds: Mapping[str, Kind]
    table: Mapping[str, Any] = field(repr=False)

    @property
    def console(self) -> ConsoleAddress:
        return self.machine.console

    @property
    def name(self) -> str:
        return f"{self.console.scheme}-{self.machine.vm.name}"

    @property
    def secrets(self) -> list[str]:
        """Its password and every secret of its table, those too short to look for left out."""
        found = [self.console.password or "", *_secrets_in(self.table)]
        return [secret for secret in found if _SHORTEST_SECRET <= len(secret)]

    def at(self, **changed: Any) -> Machine:
        """The machine with another console address."""
        return replace(self.machine, console=replace(self.console, **changed))

    def with_secret(self, secret: str) -> Machine:
        """The machine with this in place of its secrets. Raises: ValueError, as the kind does."""
        password = None if self.console.password is None else secret
        console = replace(self.console, password=password, options=None)
        table = _replaced(self.table, secret)
        return replace(
            self.machine, console=replace(console, options=self.kind.read(table, console))
        )


def load_entries(path: Path) -> list[Entry]:
    """Every entry of an inventory. Raises: SettingsError."""
    kinds = load_kinds()
    machines = Inventory.load(path, kinds).machines()
    around = Surroundings(path.absolute().parent, True, os.environ)
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["machine"]
    found = []
    for machine, table in zip(machines, tables, strict=True):
        scheme = machine.console.scheme
        own = {
            key: with_secrets(value, around, key) for key, value in table.get(scheme, {}).items()
        }
        found.append(Entry(table["console"], machine, kinds[scheme], kinds, own))
    return found


def new_secret() -> str:
    """One that nobody has said before."""
    return f"Canary-{secrets.token_hex(8)}"


def _secrets_in(value: Any) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case Mapping():
            for inner in value.values():
                yield from _secrets_in(inner)
        case list() | tuple():
            for inner in value:
                yield from _secrets_in(inner)


def _replaced(value: Any, secret: str) -> Any:
    match value:
        case SecretStr():
            return SecretStr(secret)
        case Mapping():
            return {key: _replaced(inner, secret) for key, inner in value.items()}
        case list():
            return [_replaced(inner, secret) for inner in value]
    return value
