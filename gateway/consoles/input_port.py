"""The way into the VM, for one viewer that may type. Other viewers are built without one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.consoles.arbiter import Arbiter, Inputs, KeyInput, PointerInput
from gateway.consoles.pacing import Allowance

INPUT_RATE: Final = 200.0  # messages a second, after pointer moves are merged


class InputPort:
    """Passes one viewer's input through the arbiter and on to the upstream, at once.

    Each method returns for how many seconds to take no more from this viewer: keys are delayed by
    back-pressure, never dropped. Only pointer moves are merged into the newest place.
    """

    def __init__(
        self,
        viewer: str,
        arbiter: Arbiter,
        tell: Callable[[Inputs], None],
        paste: Callable[[str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._viewer = viewer
        self._arbiter = arbiter
        self._tell = tell
        self._paste = paste
        self._now, self._later = loop.time, loop.call_later
        self._allowance = Allowance(INPUT_RATE, INPUT_RATE, self._now())
        self._move: PointerInput | None = None  # waits for its turn
        self._timer: asyncio.TimerHandle | None = None

    @property
    def controls(self) -> bool:
        """Whether this viewer is in control now."""
        return self._arbiter.controller == self._viewer

    def key(self, key: KeyInput) -> float:
        """A key went down or up."""
        self._flush_move()
        self._tell(self._arbiter.key(self._viewer, key))
        return self._spend()

    def pointer(self, pointer: PointerInput) -> float:
        """The pointer moved, or a button changed."""
        if self._arbiter.is_move(self._viewer, pointer):
            self._moved(pointer)
            return 0.0
        self._flush_move()
        self._tell(self._arbiter.pointer(self._viewer, pointer))
        return self._spend()

    def cut_text(self, text: str) -> float:
        """The viewer's clipboard, for the VM."""
        self._flush_move()
        if self.controls:
            self._paste(text)
        return self._spend()

    def close(self) -> None:
        """Pass nothing on any more."""
        self._move = None
        if self._timer is not None:
            self._timer.cancel()

    def _spend(self) -> float:
        return self._allowance.spend(1, self._now())

    def _moved(self, pointer: PointerInput) -> None:
        self._move = pointer
        wait = self._allowance.debt(self._now())
        if not wait:
            self._flush_move()
        elif self._timer is None:
            self._timer = self._later(wait, self._flush_move)

    def _flush_move(self) -> None:
        """Tell the newest place before whatever comes next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._move is not None:
            move, self._move = self._move, None
            self._tell(self._arbiter.pointer(self._viewer, move))
            self._spend()
