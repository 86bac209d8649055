"""What an engine's programs may take from the machine: set before anything is started."""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
_MEBI = 1024 * 1024
_NICE = 5  # whoever shows a guest waits for whoever carries its picture

# Unlike FreeRDP they are servers, and xterm gives its terminal away where it runs as root: neither
# could be done without capabilities and behind a console's Landlock.
_LIMITS = (
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, 256),
    (resource.RLIMIT_FSIZE, 16 * _MEBI),  # nothing of it belongs on a disk
)


def confine(memory: int) -> None:
    """Give up what is never needed again; children inherit all of it.

    `memory`: bytes of its own that each program may have. Raises: OSError.
    """
    os.umask(0o077)
    os.nice(_NICE)
    for limit, most in (
        *_LIMITS,
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, 4 * memory),
    ):
        _, hard = resource.getrlimit(limit)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (allowed, allowed))
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
