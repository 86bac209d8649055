"""Parses what an upstream says in the callback that brings it: no task stands in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway.consoles.ports import Upstream
from gateway.rfb.events import Event


class Pump:
    """Feeds one upstream's bytes to its connection, and tells what happened.

    INVARIANT: while the connection is `pending`, nothing is read, so that TCP holds the upstream
    back; others run between two steps.
    """

    def __init__(self, upstream: Upstream, happened: Callable[[Sequence[Event]], None]) -> None:
        self._upstream = upstream
        self._happened = happened
        self._loop = asyncio.get_running_loop()
        self._step: asyncio.Handle | None = None
        self._over = asyncio.Event()
        self._error: Exception | None = None
        self.heard_at = self._loop.time()  # when what the upstream says was last dealt with

    def start(self) -> None:
        """Take what has come, and all that comes from now on."""
        self._upstream.listen(self._feed, self._ended)

    def stop(self) -> None:
        """Take no more."""
        self._over.set()
        if self._step is not None:
            self._step.cancel()

    async def over(self, within: float) -> bool:
        """Whether the upstream has ended, having waited so many seconds for that.

        Raises: what broke it; RfbError where it said what cannot be.
        """
        try:
            async with asyncio.timeout(within):
                await self._over.wait()
        except TimeoutError:
            return False
        if self._error is not None:
            raise self._error
        return True

    def _go_on(self) -> None:
        self._step = None
        self._feed(b"")
        if self._step is None and not self._over.is_set():
            self._upstream.resume()

    def _feed(self, data: bytes) -> None:
        if self._over.is_set():
            return
        self.heard_at = self._loop.time()
        connection = self._upstream.connection
        try:
            events = connection.receive_data(data)
            if not connection.continuous_updates:
                self._answer()  # who shows nothing unasked is asked before anything else
            self._happened(events)
            self._answer()
        except Exception as error:  # noqa: BLE001 - whoever waits for the end is told
            self._ended(error)
            return
        if connection.pending:
            self._upstream.pause()
            self._step = self._loop.call_soon(self._go_on)

    def _answer(self) -> None:
        self._upstream.write(self._upstream.connection.data_to_send())

    def _ended(self, error: Exception | None) -> None:
        if not self._over.is_set():
            self._error = error
            self._over.set()
