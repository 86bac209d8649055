"""Landlock: what a program may touch of the files and the network, enforced by the kernel.

linux/landlock.h and landlock(7). Older kernels know less of it, some have none: each right that
the kernel does not know is left out, so that a program is never worse off than it would be.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1 << 0  # landlock_create_ruleset's flag
_PATH_BENEATH, _NET_PORT = 1, 2

_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE = 1 << 14
_IOCTL_DEVICE = 1 << 15
_ALL_OF_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_OF_A_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL_DEVICE  # the rest is a folder's
_BIND, _CONNECT = 1 << 0, 1 << 1
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Allowed:
    """All that a program may touch; what is not there is passed over.

    `devices` are read, written and asked things of; `ports` are connected to by TCP.
    """

    read: Sequence[str]
    write: Sequence[str]
    devices: Sequence[str] = ()
    ports: Sequence[int] = ()


def version() -> int:
    """What of Landlock the kernel knows; 0 where it has none, or does not let us have it."""
    found: int = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))
    return max(0, found)


def keep_within(allowed: Allowed, program: str) -> None:
    """Never touch anything else but `program` again, nor may any child.

    Wants "no new privileges".

    It also bars tracing and reading the memory of whatever process stands outside.
    Raises: OSError.
    """
    abi = version()
    if not abi:
        return
    files = _newest(_ALL_OF_FILES, abi)
    network = _BIND | _CONNECT if _NETWORK_SINCE <= abi else 0
    rules = _ruleset(abi, files=files, network=network)
    try:
        _add_paths(rules, (*allowed.read, program), (_EXECUTE | _READ | _LIST) & files)
        _add_paths(rules, allowed.devices, (_READ | _WRITE | _LIST | _IOCTL_DEVICE) & files)
        _add_paths(rules, allowed.write, files & ~_EXECUTE)
        for port in allowed.ports if network else ():
            _add(rules, _NET_PORT, struct.pack("=QQ", _CONNECT, port))
        _restrict(rules)
    finally:
        os.close(rules)


def keep_among_ourselves() -> None:
    """Reach no abstract socket and no process but our own and our children's.

    Raises: OSError.
    """
    abi = version()
    if abi < _SCOPES_SINCE:
        return
    rules = _ruleset(abi, scopes=_ABSTRACT_SOCKETS | _SIGNALS)
    try:
        _restrict(rules)
    finally:
        os.close(rules)


def _newest(by_version: dict[int, int], abi: int) -> int:
    return by_version[max(since for since in by_version if since <= abi)]


def _ruleset(abi: int, *, files: int = 0, network: int = 0, scopes: int = 0) -> int:
    # The structure grew: an older kernel takes a longer one as long as the rest is zero, but it
    # must not be asked for rights it has not heard of.
    attributes = struct.pack("=QQQ", files, network, scopes)
    size = 24 if _SCOPES_SINCE <= abi else 16 if _NETWORK_SINCE <= abi else 8
    return _checked(
        _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint(0))
    )


def _add_paths(rules: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        try:
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            of_it = rights if stat.S_ISDIR(os.fstat(file).st_mode) else rights & _OF_A_FILE
            _add(rules, _PATH_BENEATH, struct.pack("=Qi", of_it, file))
        finally:
            os.close(file)


def _add(rules: int, kind: int, rule: bytes) -> None:
    _checked(
        _libc.syscall(
            _ADD_RULE, ctypes.c_int(rules), ctypes.c_int(kind), rule, ctypes.c_uint(0)
        )
    )  # fmt: skip


def _restrict(rules: int) -> None:
    _checked(_libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
