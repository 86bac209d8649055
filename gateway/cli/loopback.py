"""Whose process is at the other end of a loopback connection.

A loopback port is open to every user of the machine, and the console behind it is only for the one
who stepped up.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

# A viewer with an IPv6 socket reaches 127.0.0.1 as ::ffff:127.0.0.1, which ends in the same digits.
TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ROOT: Final = 0
ESTABLISHED: Final = "01"


def is_ours(peer: Any, here: Any) -> bool:
    """Whether the connection from `peer` to `here`, IPv4 (host, port) pairs, is this user's own.

    True where the system does not tell (no Linux): its users are then trusted with each other.
    """
    if not TABLES[0].exists():
        return True
    ends = _spelled(peer), _spelled(here)
    return any(_owner(line, *ends) in (os.getuid(), ROOT) for line in _lines())


def _lines() -> Iterator[str]:
    for table in TABLES:
        if table.exists():
            yield from table.read_text(encoding="ascii").splitlines()[1:]


def _owner(line: str, peer: str, here: str) -> int | None:
    """The user id of the socket in `line` of the table, when it is the one at `peer`."""
    # proc(5): number, local address, remote address, state, queues, timer, retransmits, uid …
    fields = line.split()
    found = fields[1].endswith(peer) and fields[2].endswith(here)
    # A socket that its process has closed is shown as root's, whoever wrote into it before.
    return int(fields[7]) if found and fields[3] == ESTABLISHED else None


def _spelled(address: tuple[str, int]) -> str:
    """As the kernel prints it: the address as a number in the machine's own byte order."""
    host, port = address[:2]
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    return f"{number:08X}:{port:04X}"
