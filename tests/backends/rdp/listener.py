"""A window all over an X server that notes which keys and buttons reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from Xlib import X

from tests.doubles.xclient import open_display


class Listener:
    """`keys` are (down, keycode), `buttons` (down, button), `places` where the pointer was."""

    def __init__(self, name: str) -> None:
        self._display = open_display(name)
        screen = self._display.screen()
        self.keys: list[tuple[bool, int]] = []
        self.buttons: list[tuple[bool, int]] = []
        self.places: list[tuple[int, int]] = []
        heard = (
            X.KeyPressMask | X.KeyReleaseMask | X.ButtonPressMask | X.ButtonReleaseMask
            | X.PointerMotionMask | X.ExposureMask
        )  # fmt: skip
        self._window = screen.root.create_window(
            0, 0, 4096, 4096, 0, screen.root_depth, background_pixel=0x204060, event_mask=heard,
            override_redirect=True,
        )  # fmt: skip
        self._window.map()
        self._display.sync()
        self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    async def until(self, true: Callable[[], object], within: float = 10.0) -> None:
        """Listen until `true()`. Raises: TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                self._listen()
                if true():
                    return
                await asyncio.sleep(0.02)

    def paint(self, colour: int) -> None:
        self._window.change_attributes(background_pixel=colour)
        self._window.clear_area()
        self._display.sync()

    def caps_lock(self) -> bool:
        """Whether the X server has it on."""
        return bool(self._window.query_pointer().mask & X.LockMask)

    def close(self) -> None:
        self._display.close()

    def _listen(self) -> None:
        while self._display.pending_events():
            event = self._display.next_event()
            down = event.type in {X.KeyPress, X.ButtonPress}
            if event.type in {X.KeyPress, X.KeyRelease}:
                self.keys.append((down, event.detail))
            elif event.type in {X.ButtonPress, X.ButtonRelease}:
                self.buttons.append((down, event.detail))
            elif event.type == X.MotionNotify:
                self.places.append((event.event_x, event.event_y))
