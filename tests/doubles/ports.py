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
_FIRST = 10_240  # beyond those of displays


def free_port() -> int:
    """A loopback port that nobody listens on."""
    return next(port for port in _mine if _is_free(port))


def _share() -> list[int]:
    """The ports of this process, in any order: other runs on this machine have others, mostly."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    kernels = int(_RANGE.read_text().split()[0])
    ports = list(range(_FIRST + worker, kernels, workers))
    random.shuffle(ports)
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_mine: Iterator[int] = iter(_share())
