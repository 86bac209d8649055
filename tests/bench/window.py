"""Looks at a plain client's window, in the memory of its X server, and types at it.

Run as a program it does what `tests.bench.viewer` does: one JSON line in, "started", and an account
once its input ends. Xvfb keeps its screen in a file (`-fbdir`): no pixel is asked for, and to be
looked at costs the client and its X server nothing.
"""

from __future__ import annotations

import json
import mmap
import random
import struct
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from Xlib import XK, X
from Xlib.ext import xtest

from gateway.rfb.encodings.words import USED, WORD, Words
from tests.bench.clock import ROWS, WIDTH, Clock, key_block
from tests.bench.viewer import Account
from tests.doubles.xclient import open_display

_LOOK: Final = 0.001  # seconds from one look to the next
_PATIENCE: Final = 30.0


def shared_pixels(screen: Path) -> Words:
    """The live screen in a file of Xvfb's: height x width words, B, G, R, nothing from the least.

    X11/XWDFile.h: 25 words of header, then the colour map, then rows of pixels.
    """
    with screen.open("rb") as file:
        shared = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header = struct.unpack(">25I", shared[:100])
    width, height, row, begin = header[4], header[5], header[12] // 4, header[0] + 12 * header[19]
    pixels: Words = np.frombuffer(shared, WORD, row * height, begin).reshape(height, row)
    return pixels[:, :width]


def right(shown: Words, truth: Words) -> bool:
    """Whether all but a pixel in a thousand are as they should: somebody paints a pointer."""
    if shown.shape != truth.shape or np.count_nonzero((shown[::40] ^ truth[::40]) & USED) > 1000:
        return False
    return bool(np.count_nonzero((shown ^ truth) & USED) <= truth.size // 1000)


class Window:
    """The picture's clock and its key's block, on an Xvfb's screen."""

    def __init__(self, name: str, screen: Path) -> None:
        self.account = Account()
        self._display = open_display(name)
        self._key = self._display.keysym_to_keycode(XK.string_to_keysym("a"))
        self._top = shared_pixels(screen)[:ROWS, :WIDTH]
        self._pressed_at: float | None = None
        self._block = False

    def wait(self) -> None:
        """Until a client shows the clock; it is given the keyboard then."""
        deadline = time.monotonic() + _PATIENCE
        # The clock of a black screen reads 0.
        while not Clock().read(self._top):
            assert time.monotonic() < deadline, "the client shows nothing"
            time.sleep(_LOOK)
        for window in self._display.screen().root.query_tree().children:
            if window.get_attributes().map_state == X.IsViewable:
                window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()
        self._block = key_block(self._top)

    def look(self, now: float) -> None:
        """Note what has changed."""
        counter, clocks = Clock().read(self._top), self.account.clocks
        if counter is not None and (not clocks or clocks[-1][1] != counter):
            clocks.append((now, counter))
        block = key_block(self._top)
        if block != self._block and self._pressed_at is not None:
            self.account.keys.append(now - self._pressed_at)
            self._pressed_at = None
        self._block = block

    def press(self, now: float) -> None:
        """A key, down and up; nothing while the last one is still awaited."""
        if self._pressed_at is not None and now - self._pressed_at < 5:
            return
        self._pressed_at = now
        for event in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(self._display, event, self._key)
        self._display.flush()

    def close(self) -> None:
        self._display.close()


def watch(window: Window, seconds: float, keys_per_second: float) -> Account:
    """What it shows for so long."""
    end = time.monotonic() + seconds
    beat = random.Random(4)  # at odd moments, as the other side's viewer types
    due = end
    if keys_per_second:
        due = time.monotonic() + beat.uniform(0.5, 1.5) / keys_per_second
    while (now := time.monotonic()) < end:
        window.look(now)
        if due <= now:
            window.press(now)
            due = now + beat.uniform(0.5, 1.5) / keys_per_second
        time.sleep(_LOOK)
    window.account.until = end
    return window.account


def main() -> None:
    asked = json.loads(input())
    window = Window(asked["display"], Path(asked["screen"]))
    window.wait()
    print("started", flush=True)
    account = watch(window, asked["seconds"], asked["keys_per_second"])
    window.close()
    sys.stdin.read()
    print(json.dumps([asdict(account)]), flush=True)


if __name__ == "__main__":
    main()
