"""The inventory: every VM that the gateway knows, by resource id."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.errors import SettingsError
from gateway.inventory.entry import read_entry
from gateway.inventory.kinds import Kinds
from gateway.inventory.machine import Machine
from gateway.inventory.secret_values import Surroundings

_HEADING: Final = re.compile(r"^[ \t]*\[\[[ \t]*machine[ \t]*\]\]", re.MULTILINE)


class Inventory:
    """Knows machines.

    INVARIANT: no two of them share a resource id, a console, a guest agent or a power address: a
    copied line must not let a password be set in somebody else's VM.
    """

    def __init__(self, machines: Iterable[Machine] = ()) -> None:
        """Raises: SettingsError where two machines share what is each one's own."""
        self._by_key: dict[str, Machine] = {}
        self.replace(machines)

    @classmethod
    def load(cls, path: Path, kinds: Kinds) -> Inventory:
        """Read the TOML file. Raises: SettingsError, naming the line, the entry and the key.

        `kinds`: who understands which console, by the scheme of its address.
        """
        try:
            text = path.read_text(encoding="utf-8")
            private = path.stat().st_mode & 0o077 == 0
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path} is not UTF-8: {error.reason}") from None
        around = Surroundings(path.absolute().parent, private, os.environ)
        return cls(read_machines(text, str(path), kinds, around))

    @classmethod
    def parse(cls, text: str, kinds: Kinds, *, source: str = "the inventory") -> Inventory:
        """Read TOML that lies in memory. Raises: SettingsError, as `load` does."""
        return cls(read_machines(text, source, kinds, Surroundings(Path.cwd(), True, os.environ)))

    def get(self, resource_id: str) -> Machine | None:
        """The machine with that resource id, in whatever case it is written."""
        return self._by_key.get(resource_id.lower())

    def machines(self) -> tuple[Machine, ...]:
        """Every machine, in the file's order."""
        return tuple(self._by_key.values())

    def replace(self, machines: Iterable[Machine]) -> None:
        """Know these machines and no others from now on.

        Raises: SettingsError where two share what is each one's own; nothing has changed then.
        """
        by_key: dict[str, Machine] = {}
        consoles: dict[str, Machine] = {}
        agents: dict[str, Machine] = {}
        powers: dict[str, Machine] = {}
        for machine in machines:
            _claim(by_key, machine.vm.key, machine, "has the resource id of")
            _claim(consoles, str(machine.console), machine, "has the console of")
            _claim(agents, machine.guest_agent, machine, "has the guest agent of")
            _claim(powers, machine.power, machine, "has the power address of")
        self._by_key = by_key


def read_machines(text: str, source: str, kinds: Kinds, around: Surroundings) -> list[Machine]:
    """The machines of an inventory's text. Raises: SettingsError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source} is not TOML: {error}") from None
    tables = document.pop("machine", [])
    if document:
        raise SettingsError(f"{source}: {min(document)}: unknown key; each VM is a [[machine]]")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError(f"{source}: machine: write [[machine]], with two brackets")
    lines = [text.count("\n", 0, match.start()) + 1 for match in _HEADING.finditer(text)]
    machines = []
    for index, table in enumerate(tables):
        line = lines[index] if len(lines) == len(tables) else None
        place = f"{source}: {_place(index, line, table)}"
        machines.append(_machine(table, kinds, around, place))
    return machines


def _machine(table: Mapping[str, Any], kinds: Kinds, around: Surroundings, place: str) -> Machine:
    try:
        return read_entry(table, kinds, around)
    except ValueError as error:
        raise SettingsError(f"{place}: {error}") from None


def _place(index: int, line: int | None, table: Mapping[str, Any]) -> str:
    name = str(table.get("name") or table.get("resource_id") or "").rpartition("/")[2][:64]
    facts = [f"line {line}"] if line else []
    facts += [name] if name.isprintable() and name else []
    return f"machine {index + 1}" + (f" ({', '.join(facts)})" if facts else "")


def _claim(taken: dict[str, Machine], key: str | None, machine: Machine, how: str) -> None:
    if key is None:
        return
    if key in taken:
        raise SettingsError(
            f"inventory: {machine.vm.resource_id} {how} {taken[key].vm.resource_id}: {key}"
        )
    taken[key] = machine
