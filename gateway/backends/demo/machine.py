"""A demo VM: its power, its screen, and the consoles that watch it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Operation
from gateway.rfb.wire import Cursor


class Watcher(Protocol):
    """A console of the machine."""

    def painted(self, operations: Sequence[Operation]) -> None:
        """The framebuffer changed so."""

    def resized(self) -> None:
        """The framebuffer has another size; all of it is new."""

    def cursor_changed(self) -> None:
        """The pointer has another shape."""

    def drop(self) -> None:
        """Break the connection."""


class DemoMachine:
    """INVARIANT: what the screen shows does not depend on who watches or for how long."""

    os = "linux"

    def __init__(self, name: str, users: dict[str, str]) -> None:
        """`users`: who may log in, and with which password; it may change at any time."""
        self.name = name
        self.users = users
        self.powered = False
        self.framebuffer = Framebuffer(640, 400)
        self.cursor: Cursor | None = None
        self._watchers: set[Watcher] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # power

    def switch_on(self) -> None:
        """Start from the beginning; nothing happens to a machine that runs."""
        if not self.powered:
            self.powered = True
            self._started()

    def switch_off(self) -> None:
        """Stop at once and drop every console, as a hypervisor does."""
        self.powered = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.drop()

    def drop(self) -> None:
        """Break the connection of every console; the machine runs on."""
        for watcher in tuple(self._watchers):
            watcher.drop()

    # consoles

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` of every change from now on."""
        self._watchers.add(watcher)
        self._watched()

    def unwatch(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    @property
    def is_watched(self) -> bool:
        return bool(self._watchers)

    def key(self, keysym: int, *, down: bool) -> None:
        """A key event arrived."""

    def pointer(self, x: int, y: int, buttons: int) -> None:
        """A pointer event arrived."""

    # for machines

    def _started(self) -> None:
        """The power came on."""

    def _watched(self) -> None:
        """One more console watches."""

    def _painted(self, operations: Sequence[Operation]) -> None:
        if operations:
            for watcher in tuple(self._watchers):
                watcher.painted(operations)

    def _resized(self) -> None:
        for watcher in tuple(self._watchers):
            watcher.resized()

    def _shape(self, cursor: Cursor | None) -> None:
        if cursor != self.cursor:
            self.cursor = cursor
            for watcher in tuple(self._watchers):
                watcher.cursor_changed()

    def _later(self, name: str, delay: float, act: Callable[[], None]) -> None:
        """Call `act` in `delay` seconds; a timer of the same name is replaced."""
        self._stop_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(delay, self._ring, name, act)

    def _stop_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()

    def _has_timer(self, name: str) -> bool:
        return name in self._timers

    def _ring(self, name: str, act: Callable[[], None]) -> None:
        self._timers.pop(name, None)
        act()
