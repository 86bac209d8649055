"""What the child and its children may take from the machine: set before anything is started."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

_MEBI = 1024 * 1024
_NICE = 5  # whoever decodes a picture waits for whoever carries it
_CPU_SECONDS = 8 * 3600  # a consent lasts 8 hours; nobody needs a whole core of them
_FILES = 256
_FILE_SIZE = 16 * _MEBI  # nothing of it belongs on a disk

_libc = ctypes.CDLL(None, use_errno=True)


def confine(memory: int, user: tuple[int, int] | None) -> None:
    """Give up what is never needed again; children inherit all of it.

    `memory`: bytes of its own that each process may have. `user`: the uid and gid to become.
    Raises: OSError.
    """
    os.umask(0o077)
    os.nice(_NICE)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),  # it would hold the password
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, 4 * memory),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_FSIZE, _FILE_SIZE),
    ):
        _lower(limit, most)
    if user is not None:
        uid, gid = user
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)  # nor any capability back, by whatever it starts
    _give_up_capabilities()
    _prctl(_PR_SET_DUMPABLE, 0)  # the same user's other processes read no password from it


def _give_up_capabilities() -> None:
    """Root without them owns its files and no more. capabilities(7), linux/capability.h."""
    version_3, ourselves = 0x20080522, 0
    header = struct.pack("=Ii", version_3, ourselves)
    none = bytes(24)  # effective, permitted and inheritable, 64 bits each
    if _libc.capset(header, none):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(parent: int, number: signal.Signals) -> None:
    """Be sent `number` as soon as `parent` is gone. Raises: OSError."""
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it went before we asked
        os.kill(os.getpid(), number)


def _lower(limit: int, most: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(limit, (most, most))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
