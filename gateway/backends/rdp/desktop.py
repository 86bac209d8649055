"""The gateway's end of a console's child: starts it, hears how it goes, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from gateway.backends.rdp.folders import RuntimeFolder
from gateway.backends.rdp.verdicts import Outcome, error_of_start
from gateway.errors import UpstreamError, UpstreamRefused

_START: Final = Path(__file__).parent / "child" / "start.py"
_LONGEST_LINE: Final = 16 * 1024
_CLOSE_PATIENCE: Final = 0.7
_MEBI: Final = 1024 * 1024

Ending = Callable[[Outcome], UpstreamError]


@dataclass(frozen=True, slots=True)
class Order:
    """What to start."""

    arguments: list[str]
    environment: dict[str, str]
    settings: str
    password: str = field(repr=False)
    port: int  # the only one that FreeRDP may connect to
    authorities: tuple[str, ...]  # files that it must read
    memory: int  # MiB
    run_as: str | None


class Desktop(asyncio.Protocol):
    """A running child. Its folder and whatever it started go with it."""

    def __init__(self, folder: RuntimeFolder, ending: Ending) -> None:
        self._folder = folder
        self._ending = ending
        self._child: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._shown = asyncio.Event()
        self.error: UpstreamError | None = None  # why it ended, once it has
        self.ended: Callable[[], None] | None = None  # told once

    @property
    def socket(self) -> str:
        """Where its screen is served."""
        return str(self._folder.path / "vnc")

    @classmethod
    async def start(cls, order: Order, ending: Ending) -> Desktop:
        """Start a child. Raises: UpstreamError where something is missing for it."""
        programs = {
            "xvnc": _find("Xvnc", "TigerVNC's X server"),
            "xfreerdp": _find("xfreerdp", "FreeRDP"),
        }
        user = None if order.run_as is None else _user(order.run_as)
        folder = RuntimeFolder()
        desktop = cls(folder, ending)
        try:
            if user is not None:
                os.chown(folder.path, *user)
            await desktop._spawn(
                {
                    **programs,
                    "folder": str(folder.path),
                    "parent": os.getpid(),
                    "user": user,
                    "memory": order.memory * _MEBI,
                    "port": order.port,
                    "authorities": order.authorities,
                    "arguments": order.arguments,
                    "environment": order.environment,
                    "settings": order.settings,
                    "password": order.password,
                }
            )
        except BaseException:
            await desktop.close()
            raise
        return desktop

    async def shown(self) -> None:
        """Until the guest's screen is there. Raises: UpstreamError where it ended instead."""
        await self._shown.wait()
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        """End it within a second, folder and all; never raises."""
        if self._transport is not None:
            self._transport.close()  # which the child takes for its end
        child, self._child = self._child, None
        try:
            if child is not None:
                await _reap(child)
        finally:
            self._folder.remove()

    async def _spawn(self, order: dict[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Isolated: neither the environment nor the working directory says what is imported.
            self._child = subprocess.Popen(  # noqa: ASYNC220, S603 - returns once it is there
                [sys.executable, "-I", "-S", str(_START)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd=self._folder.path,
                start_new_session=True,
            )
        await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        self._connected.write(json.dumps(order).encode() + b"\n")

    @property
    def _connected(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def _happened(self, line: bytes) -> None:
        match json.loads(line):
            case {"event": "shown"}:
                self._shown.set()
            case {
                "event": "ended",
                "program": str(program),
                "status": int(status),
                "errors": list(errors),
                "states": list(states),
            }:
                words = [str(each) for each in errors], [str(each) for each in states]
                self._end(self._ending(Outcome(program, status, *words)))
            case {"event": "failed", "errno": int() | None as number, "program": str(program)}:
                self._end(error_of_start(number, program))

    def _end(self, error: UpstreamError) -> None:
        if self.error is None:
            self.error = error
            self._shown.set()
            if self.ended is not None:
                self.ended()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        try:
            for line in lines:
                self._happened(line)
        except ValueError:
            self._end(UpstreamError("the RDP client's child does not speak sense"))
        if _LONGEST_LINE < len(self._unread):
            self._connected.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._end(UpstreamError("the RDP client's child ended"))


def _find(name: str, product: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UpstreamRefused(f"{product} ({name}) is not installed on the gateway")
    return found


def _user(name: str) -> tuple[int, int]:
    if os.geteuid() != 0:
        raise UpstreamRefused("the RDP client cannot run as another user: the gateway is not root")
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise UpstreamRefused(f"the RDP client's user {name} does not exist") from None
    return found.pw_uid, found.pw_gid


async def _reap(child: subprocess.Popen[bytes]) -> None:
    """Wait for its end; if it does not end by itself it is killed, and its programs with it."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    process = os.pidfd_open(child.pid)  # readable once it has ended
    loop.add_reader(process, ended.set)
    try:
        async with asyncio.timeout(_CLOSE_PATIENCE):
            await ended.wait()
    except TimeoutError:
        pass
    finally:
        loop.remove_reader(process)
        os.close(process)
        child.kill()
        child.wait()
