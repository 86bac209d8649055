"""A check's eyes on an upstream: reads it as the gateway does, and notes each broken promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gateway.backends import Upstream
from gateway.errors import RfbError, UpstreamError
from gateway.rfb.events import Event, FrameReceived


class Watching:
    """Pumps one upstream until it is closed."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.frames = 0  # those that changed anything
        self.heard = 0  # bytes
        self.ends: list[Exception | None] = []  # what was told; a second one breaks the promise
        self.broken: list[str] = []  # promises
        self._paused = False  # by a check
        self._closed = False
        self._step: asyncio.Handle | None = None  # the parser goes on, and the upstream is paused
        self._error: Exception | None = None
        self._news = asyncio.Event()
        self._saw(upstream.early)
        upstream.listen(self._hear, self._end)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def size(self) -> tuple[int, int]:
        screen = self.upstream.connection.framebuffer
        return screen.width, screen.height

    async def until(self, true: Callable[[], object], within: float) -> None:
        """Raises: what broke the stream; TimeoutError; AssertionError where it has ended."""
        async with asyncio.timeout(within):
            while not true():
                if self._error is not None:
                    raise self._error
                assert not self.ends, f"the stream ended: {self.ends[0] or 'the other end closed'}"
                self._news.clear()
                await self._news.wait()

    async def ended(self, within: float) -> None:
        """Until the end is told. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            while not self.ends:
                self._news.clear()
                await self._news.wait()

    @property
    def whole(self) -> bool:
        """Whether no picture is half painted."""
        return self.upstream.connection.framebuffer.whole

    def ask_for_all(self) -> None:
        """Have the whole screen painted anew. A still one makes no frame of that, but bytes."""
        self.upstream.connection.request_update(incremental=False)
        self._answer()

    def point(self, x: int, y: int, buttons: int = 0) -> None:
        self.upstream.connection.send_pointer(x, y, buttons)
        self._answer()

    def key(self, keysym: int, scancode: int) -> None:
        """Press and release."""
        for down in (True, False):
            self.upstream.connection.send_key(down, keysym, scancode)
        self._answer()

    def pause(self) -> None:
        self._paused = True
        self.upstream.pause()

    def resume(self) -> None:
        self._paused = False
        if self._step is None:
            self.upstream.resume()

    async def close(self) -> None:
        self._closed = True
        if self._step is not None:
            self._step.cancel()
        await self.upstream.close()

    def _hear(self, data: bytes) -> None:
        if self._paused or self._step is not None:
            self.broken.append("bytes were handed over while it was paused")
        if self.ends:
            self.broken.append("bytes were handed over after the end was told")
        if not data:
            self.broken.append("nothing was handed over as if it were something")
        self.heard += len(data)
        self._feed(data)

    def _end(self, error: Exception | None) -> None:
        if error is not None and not isinstance(error, UpstreamError | RfbError):
            self.broken.append(f"the end was told as {type(error).__name__}")
        if self.ends:
            self.broken.append("the end was told twice")
        self.ends.append(error)
        self._news.set()

    def _feed(self, data: bytes) -> None:
        if self._closed or self._error is not None:
            return
        try:
            self._saw(self.upstream.connection.receive_data(data))
        except (RfbError, UpstreamError) as error:
            self._error = error
        else:
            self._answer()
            self._take_breath()
        self._news.set()

    def _take_breath(self) -> None:
        if self.upstream.connection.pending:
            if self._step is None:
                self.upstream.pause()
            self._step = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        before = self._step
        self._feed(b"")
        if self._step is before:
            self._step = None
            if not self._paused and not self._closed:
                self.upstream.resume()

    def _saw(self, events: list[Event]) -> None:
        self.frames += sum(isinstance(event, FrameReceived) for event in events)

    def _answer(self) -> None:
        self.upstream.write(self.upstream.connection.data_to_send())
