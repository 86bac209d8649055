"""A test's own eyes on an upstream: reads, answers, and waits for what it wants to see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from gateway.backends import Step, Target, Upstream
from gateway.errors import UpstreamError
from gateway.inventory import ConsoleAddress, Machine
from gateway.policy.facts import Vm
from gateway.rfb import outgoing
from gateway.rfb.client import offers
from gateway.rfb.events import Event, FrameReceived
from gateway.rfb.operations import Operation

RETURN = 0xFF0D


def machine_at(console: ConsoleAddress, name: str = "web01") -> Machine:
    """An inventory's machine with this console."""
    subscription = "0f6b0e4c-8b0e-4d7e-9a53-9b8e1c6d2a11"
    resource_id = (
        f"/subscriptions/{subscription}/resourceGroups/test/providers/Microsoft.Compute"
        f"/virtualMachines/{name}"
    )
    return Machine(Vm(resource_id, subscription, name, "linux", "AzS-ERCS01"), console)


def at_port(
    port: int,
    *,
    password: str | None = None,
    tls: bool = False,
    ca_file: Path | None = None,
    pin: str | None = None,
    server_name: str | None = None,
    desktop_name: str | None = None,
) -> Machine:
    """A machine whose console is at a loopback port."""
    return machine_at(
        ConsoleAddress(
            "vnc", host="127.0.0.1", port=port, password=password, tls=tls, ca_file=ca_file,
            pin=pin, server_name=server_name, desktop_name=desktop_name,
        )
    )  # fmt: skip


class Watching:
    """Pumps one upstream.

    async with Watching(await backends.dial(machine, steps.append)) as screen:
        await screen.until(lambda: screen.frames)
    """

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.events: list[Event] = list(upstream.early)
        self.ended = False
        self._heard: list[bytes] = []
        self._news = asyncio.Event()
        self._error: Exception | None = None
        upstream.listen(self._hear, self._end)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.upstream.close()

    @property
    def size(self) -> tuple[int, int]:
        framebuffer = self.upstream.connection.framebuffer
        return framebuffer.width, framebuffer.height

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """Height x width x R, G, B."""
        return self.upstream.connection.framebuffer.pixels[:, :, :3]

    @property
    def frames(self) -> int:
        """How many updates have been painted."""
        return sum(isinstance(event, FrameReceived) for event in self.events)

    @property
    def operations(self) -> list[Operation]:
        """What all of them did."""
        frames = [event for event in self.events if isinstance(event, FrameReceived)]
        return [operation for frame in frames for operation in frame.operations]

    async def until(self, true: Callable[[], object], within: float = 20.0) -> None:
        """Pump until `true()`. Raises: TimeoutError, UpstreamError; ConnectionError at the end."""
        async with asyncio.timeout(within):
            while not true():
                await self._pump()

    async def during(self, seconds: float) -> None:
        """Pump for some time."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self._pump()
        except TimeoutError:
            pass

    async def end(self, within: float = 10.0) -> None:
        """Pump until the other end has closed or reset. Raises: TimeoutError."""
        with contextlib.suppress(ConnectionError, UpstreamError):
            await self.until(lambda: False, within)

    def ask_for(self, *encodings: int) -> None:
        """Have the server paint with these alone from now on, and show everything anew."""
        pseudo = [each for each in offers(near=True) if each < 0]
        self.upstream.write(outgoing.set_encodings([*encodings, *pseudo]))
        self.upstream.connection.request_update(incremental=False)
        self._send()

    def key(self, keysym: int, scancode: int | None = None) -> None:
        """Press and release."""
        for down in (True, False):
            self.upstream.connection.send_key(down, keysym, scancode)
        self._send()

    def chord(self, *keysyms: int) -> None:
        """Press all, then release them, the last one first."""
        for keysym in keysyms:
            self.upstream.connection.send_key(True, keysym, None)
        for keysym in reversed(keysyms):
            self.upstream.connection.send_key(False, keysym, None)
        self._send()

    def type(self, text: str) -> None:
        r"""Type letters that need no Shift; \n is Return."""
        for letter in text:
            self.key(RETURN if letter == "\n" else ord(letter))

    def point(self, x: int, y: int, buttons: int = 0) -> None:
        """Move the pointer."""
        self.upstream.connection.send_pointer(x, y, buttons)
        self._send()

    def _hear(self, data: bytes) -> None:
        self._heard.append(data)
        self.upstream.pause()
        self._news.set()

    def _end(self, error: Exception | None) -> None:
        self.ended, self._error = True, error
        self._news.set()

    async def _pump(self) -> None:
        connection = self.upstream.connection
        if connection.pending:
            await asyncio.sleep(0)
        elif not self._heard and not self.ended:
            self._news.clear()
            self.upstream.resume()
            await self._news.wait()
        if not self._heard and self.ended:
            raise self._error or ConnectionError("the upstream has closed")
        self.events += connection.receive_data(b"".join(self._heard))
        self._heard.clear()
        self._send()

    def _send(self) -> None:
        self.upstream.write(self.upstream.connection.data_to_send())


def ignore(step: Step) -> None:
    """For dials whose steps do not matter."""


def _is_target(machine: Machine) -> Target:
    """An inventory's machine is what backends dial: mypy says so here."""
    return machine
