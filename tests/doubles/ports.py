"""Loopback ports for programs that want to be told theirs.

Whoever connects, or listens at port 0, is given a port of the kernel's own range: one that was free
a moment ago is taken a moment later. These lie below that range, each process of a run of the tests
has a share of them, and none is given out twice.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DISPLAYS = 6000  # beyond the first hundred, which everybody else begins with
_FIRST = 10_240  # beyond those of displays
_ROW = 20


def free_port() -> int:
    """A loopback port that nobody listens on."""
    return next(port for port in _single if _is_free(port))


def row_of_ports() -> range:
    """Ports in a row, for a program that chooses displays' ports by itself."""
    return next(row for first in _rows if all(map(_is_free, row := range(first, first + _ROW))))


def _share(first: int, last: int, step: int = 1) -> list[int]:
    """The ports of this process, in any order: other runs on this machine have others, mostly."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = list(range(first + worker * step, last, workers * step))
    random.shuffle(ports)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_single: Iterator[int] = iter(_share(_FIRST, int(_RANGE.read_text().split()[0])))
_rows: Iterator[int] = iter(_share(_DISPLAYS, _FIRST - _ROW, _ROW))
