"""Secrets of an entry: from a file, from the environment, never from a file that others read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

_MAX_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an entry may draw on: where its file lies, who can read it, the environment."""

    folder: Path
    private: bool  # nobody but the owner can read the inventory file
    environment: Mapping[str, str]


def from_file(path: Path, key: str) -> str:
    """The file's first line. Raises: ValueError, which names `key`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise ValueError(f"{key}: cannot read {path}: {why}") from None
    if not lines or not lines[0]:
        raise ValueError(f"{key}: {path} is empty")
    return lines[0]


def from_environment(name: str, around: Surroundings, key: str) -> str:
    """The variable's value. Raises: ValueError, which names `key`."""
    value = around.environment.get(name)
    if not value:
        raise ValueError(f"{key}: {name} is not set")
    return value


def with_secrets(value: Any, around: Surroundings, key: str, depth: int = 0) -> Any:
    """A table's value, each `{ file = "…" }` and `{ env = "…" }` in it read, as a `SecretStr`.

    Raises: ValueError, which names the key.
    """
    if not isinstance(value, dict):
        return value
    match value:
        case {"file": str(path)} if len(value) == 1:
            return SecretStr(from_file(around.folder / path, key))
        case {"env": str(name)} if len(value) == 1:
            return SecretStr(from_environment(name, around, key))
    if _MAX_DEPTH <= depth:
        raise ValueError(f"{key}: tables lie too deep in each other")
    return {
        name: with_secrets(inner, around, f"{key}.{name}", depth + 1)
        for name, inner in value.items()
    }
