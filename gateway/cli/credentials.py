"""What `login` stored: one sign-in, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.cli.failures import Exit, Failure


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bearer token and the one gateway that it is for."""

    gateway: str
    ca_file: str | None
    name: str
    token: str = field(repr=False)


def path() -> Path:
    """Where they lie: XDG Base Directory Specification, `$XDG_CONFIG_HOME`."""
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    # "If an implementation encounters a relative path … it should … ignore it."
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "eva-gateway" / "credentials.json"


def load() -> Credentials | None:
    """What is stored, or None. Raises: Failure when others may read it, or nobody can."""
    file = path()
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"cannot read {file}: {error.strerror}", Exit.USAGE) from None
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
            raise Failure(
                f"other users may have read {file}: remove it and sign in again",
                Exit.USAGE,
            )
        return _parse(stream.read(), file)


def save(credentials: Credentials) -> None:
    """Store, in place of what was there; never visible half-written or to others."""
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".credentials-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(asdict(credentials), stream, indent=2)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def forget() -> None:
    """Remove what is stored."""
    path().unlink(missing_ok=True)


def _parse(text: str, file: Path) -> Credentials:
    try:
        value = json.loads(text)
        return Credentials(
            gateway=str(value["gateway"]),
            ca_file=None if value["ca_file"] is None else str(value["ca_file"]),
            name=str(value["name"]),
            token=str(value["token"]),
        )
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{file} is damaged: remove it and sign in again", Exit.USAGE) from None
