"""What an engine is: programs that show a VM's console by one of the kinds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Program:
    """One of an engine's, started in its folder."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_display: bool = False  # an X server, which is given -displayfd


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start, how to see that it serves, and what the inventory says of it then.

    `entry` holds keys of a `[[machine]]` in TOML, from `console` on.
    """

    programs: Sequence[Program]
    serves: Callable[[], Awaitable[bool]]
    entry: Callable[[], str]


class Engine(Protocol):
    """One more VM of the demo, where its programs are installed."""

    @property
    def vm(self) -> str:
        """Its name."""

    @property
    def way(self) -> str:
        """How its console is reached, for people."""

    @property
    def programs(self) -> tuple[str, ...]:
        """Those that must be found."""

    @property
    def packages(self) -> str:
        """Debian's, which hold them."""

    def plan(self, folder: Path) -> Plan:
        """Put what the programs need into `folder`, which is empty and private."""


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def listens(port: int) -> bool:
    """Whether somebody does at that loopback port."""
    return await _answers(asyncio.open_connection("127.0.0.1", port))


async def listens_at(path: Path) -> bool:
    """Whether somebody does at that Unix socket."""
    return await _answers(asyncio.open_unix_connection(path))


async def _answers(
    connecting: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
) -> bool:
    try:
        _, writer = await connecting
    except OSError:
        return False
    writer.transport.abort()
    return True


def write_private(path: Path, content: str | bytes) -> None:
    """A file for us alone, at once. Raises: OSError."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
