"""Sees every connection that Python's own sockets make, and lets none pass to a forbidden address.

What CPython's audit hooks tell (PEP 578); uvloop's sockets are its own and tell nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Attempts:
    """What was tried: `to` are the addresses of connections, `told` children's arguments."""

    forbidden: tuple[str, ...]
    to: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Those that must not be."""
        named = [each for each in self.told if any(one in each for one in self.forbidden)]
        return [each for each in self.to if each in self.forbidden] + named


class _Guard:
    attempts: Attempts | None = None
    installed = False


@contextmanager
def guarded(*forbidden: str) -> Iterator[Attempts]:
    """Note what is tried while the block lasts; a connection to a forbidden address fails."""
    if not _Guard.installed:
        _Guard.installed = True
        sys.addaudithook(_heed)  # for good: there is no taking it out
    _Guard.attempts = attempts = Attempts(forbidden)
    try:
        yield attempts
    finally:
        _Guard.attempts = None


def _heed(event: str, args: tuple[Any, ...]) -> None:
    attempts = _Guard.attempts
    if attempts is None:
        return
    if event in {"socket.connect", "socket.sendto"}:
        address = args[1]
        host = str(address[0]) if isinstance(address, tuple) else str(address)
        attempts.to.append(host)
        if host in attempts.forbidden:
            raise ConnectionRefusedError("the suite lets nothing pass to this address")
    elif event == "subprocess.Popen":
        attempts.told.append(" ".join(map(str, args[1] or ())))
