"""Asks libvirt something in a child process, which goes with the question whatever libvirt does."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from gateway.backends.libvirt.verdicts import error_of
from gateway.errors import UpstreamError

_START: Final = Path(__file__).parent / "child" / "start.py"
_MEMORY: Final = 256 * 1024 * 1024  # bytes that the child may have
_LONGEST_ANSWER: Final = 8 * 1024 * 1024
# Where libvirt looks for a user's own sockets; nothing else of ours concerns it.
_KEPT: Final = ("HOME", "XDG_RUNTIME_DIR", "LANG", "PATH")


async def ask(order: dict[str, Any], *, files: Sequence[int] = ()) -> dict[str, Any]:
    """libvirt's answer. `files` are open in the child under the same numbers.

    Raises: UpstreamError in our words. Cancelled, it leaves no process behind.
    """
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            child = subprocess.Popen(  # noqa: ASYNC220, S603 - returns once it is there
                [sys.executable, "-I", str(_START)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A libvirt that does not run is not started by us.
                env={name: os.environ[name] for name in _KEPT if name in os.environ}
                | {"LIBVIRT_AUTOSTART": "0"},
                cwd="/",
                pass_fds=files,
                start_new_session=True,
            )
        try:
            said = await _exchange(ours, order | {"memory": _MEMORY, "parent": os.getpid()})
        finally:
            child.kill()  # nobody is there to hear more
            child.wait()
    return _checked(said)


async def _exchange(ours: socket.socket, order: dict[str, Any]) -> bytes:
    """The line that comes back; less than one where none does."""
    loop = asyncio.get_running_loop()
    ours.setblocking(False)
    said = bytearray()
    try:
        await loop.sock_sendall(ours, json.dumps(order).encode() + b"\n")
        while not said.endswith(b"\n") and len(said) < _LONGEST_ANSWER:
            data = await loop.sock_recv(ours, 65536)
            if not data:
                break
            said += data
    except OSError:  # the child is gone
        return b""
    return bytes(said)


def _checked(said: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(said)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UpstreamError("the program that asks libvirt ended without an answer")
    if "error" in answer:
        raise error_of(answer)
    return answer
