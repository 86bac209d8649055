"""An X program that paints one of the benchmark's workloads, with a clock in the picture.

python -m tests.bench.painter DISPLAY WORKLOAD; it prints a line once its window is there.
"""

from __future__ import annotations

import argparse
import math
import random
import select
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Never

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from Xlib import X

from tests.bench.clock import KEY_LEFT, KEY_WIDTH, ROWS, WRAP, Clock, cells
from tests.doubles.xclient import open_display

WIDTH: Final = 1280
HEIGHT: Final = 800
LINE: Final = 13
COLUMNS: Final = WIDTH // 6
TOP: Final = ROWS + 4
CLOCK: Final = Clock()
VIDEO: Final = (640, 360)
VIDEO_FRAMES: Final = 50
_SEED: Final = 4


class Painter:
    """One window over all of the screen."""

    def __init__(self, name: str) -> None:
        self._display = open_display(name)
        screen = self._display.screen()
        self._depth = screen.root_depth
        self.window = screen.root.create_window(
            0, 0, WIDTH, HEIGHT, 0, self._depth,
            background_pixel=0, override_redirect=True,
            event_mask=X.KeyPressMask | X.ExposureMask,
        )  # fmt: skip
        self.window.map()
        self.window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.black = self.window.create_gc(foreground=0, background=0)
        self.white = self.window.create_gc(foreground=0xFFFFFF)
        font = self._display.open_font("fixed")
        self.ink = self.window.create_gc(foreground=0xD0D0D0, background=0, font=font)
        self.random = random.Random(_SEED)
        self._pressed = False
        self._block()
        self._display.sync()

    def line(self) -> str:
        """A row of words, none like another; some rows are short, as in any text."""
        length = self.random.randint(COLUMNS // 4, COLUMNS)
        words: list[str] = []
        while sum(map(len, words)) + len(words) < length:
            words.append(_word(self.random))
        return " ".join(words)[:COLUMNS]

    def text(self, row: int, line: str) -> None:
        """Print a line over whatever stands in that row."""
        self.window.image_text(self.ink, 0, TOP + LINE * row + 11, line.ljust(COLUMNS))

    def pixmap(self, picture: Image.Image) -> Any:
        """A picture that lies ready in the server."""
        width, height = picture.size
        pixmap = self.window.create_pixmap(width, height, self._depth)
        data = np.asarray(picture.convert("RGB"))[:, :, ::-1]
        padded = np.zeros((height, width, 4), np.uint8)
        padded[:, :, :3] = data
        rows = max(1, 200_000 // (4 * width))
        for top in range(0, height, rows):
            part = padded[top : top + rows]
            pixmap.put_image(
                self.black, 0, top, width, len(part), X.ZPixmap, self._depth, 0, part.tobytes()
            )
        return pixmap

    def fileno(self) -> int:
        """For `select`."""
        return int(self._display.fileno())

    def tick(self) -> None:
        """Paint the time and let the server have all of it at once."""
        pitch = CLOCK.pitch
        now = cells(int(time.monotonic() * 1000) % WRAP)
        self.window.fill_rectangle(self.black, 0, 0, pitch * len(now), ROWS)
        white = [(pitch * at, 0, pitch, ROWS) for at, bit in enumerate(now) if bit]
        self.window.poly_fill_rectangle(self.white, white)
        self._display.flush()

    def run(self, paint: Callable[[], None] | None, rate: float) -> None:
        """Paint so many times a second, and answer keys at once, for ever."""
        begun, number = time.monotonic(), 0
        while True:
            wait = None
            if paint is not None:
                wait = begun + number / rate - time.monotonic()
                if wait <= 0:
                    self.answer()
                    paint()
                    self.tick()
                    number += 1
                    continue
            if self._display.pending_events() or select.select([self], [], [], wait)[0]:
                self.answer()

    def answer(self) -> None:
        """Turn the block once for each key that waits; a change of mode wipes it away."""
        while self._display.pending_events():
            self._pressed ^= self._display.next_event().type == X.KeyPress
            self._block()
            self._display.flush()

    def _block(self) -> None:
        gc = self.white if self._pressed else self.black
        self.window.fill_rectangle(gc, KEY_LEFT, 0, KEY_WIDTH, ROWS)


def idle(_painter: Painter) -> None:
    """Nothing moves, but for keys."""


def lines(painter: Painter) -> Callable[[], None]:
    """Text scrolls up by a line."""
    rows = (HEIGHT - TOP) // LINE

    def paint() -> None:
        painter.window.copy_area(
            painter.ink, painter.window, 0, TOP + LINE, WIDTH, LINE * (rows - 1), 0, TOP
        )
        painter.text(rows - 1, painter.line())

    for row in range(rows):
        painter.text(row, painter.line())
    return paint


def screens(painter: Painter) -> Callable[[], None]:
    """Every row of text is another one."""
    rows = (HEIGHT - TOP) // LINE
    pages = [[painter.line() for _ in range(rows)] for _ in range(40)]
    at = 0

    def paint() -> None:
        nonlocal at
        at += 1
        for row, line in enumerate(pages[at % len(pages)]):
            painter.text(row, line)

    return paint


def video(painter: Painter) -> Callable[[], None]:
    """Photo-like pixels in the middle of a desktop of one colour."""
    frames = [painter.pixmap(_film(number)) for number in range(VIDEO_FRAMES)]
    at = 0

    def paint() -> None:
        nonlocal at
        at += 1
        painter.window.copy_area(
            painter.ink, frames[at % len(frames)], 0, 0, *VIDEO,
            (WIDTH - VIDEO[0]) // 2, (HEIGHT - VIDEO[1]) // 2,
        )  # fmt: skip

    return paint


def desktop(painter: Painter) -> Callable[[], None]:
    """A page of smooth letters and photos scrolls, then a window is dragged, in turns."""
    page = painter.pixmap(_page(700, 3000))
    wallpaper = painter.pixmap(_wallpaper())
    window = painter.pixmap(_page(360, 240))
    view = (40, TOP + 20, 700, 700)
    painter.window.copy_area(painter.ink, wallpaper, 0, TOP, WIDTH, HEIGHT - TOP, 0, TOP)
    painter.window.copy_area(painter.ink, page, 0, 0, view[2], view[3], view[0], view[1])
    at, place = 0, [800, 100]

    def scroll() -> None:
        step, offset = 30, at * 30 % 2200
        left, top, width, height = view
        painter.window.copy_area(
            painter.ink, painter.window, left, top + step, width, height - step, left, top
        )
        painter.window.copy_area(
            painter.ink, page, 0, offset + height - step, width, step, left, top + height - step
        )

    def drag() -> None:
        angle = at / 9
        old = tuple(place)
        place[:] = [800 + int(60 * math.sin(angle)), 300 + int(160 * math.cos(angle))]
        painter.window.copy_area(painter.ink, wallpaper, *old, 360, 240, *old)
        painter.window.copy_area(painter.ink, window, 0, 0, 360, 240, *place)

    def paint() -> None:
        nonlocal at
        at += 1
        (scroll if at // 40 % 2 else drag)()

    return paint


WORKLOADS: Final[dict[str, tuple[Callable[[Painter], Callable[[], None] | None], float]]] = {
    "idle": (idle, 1),
    "lines": (lines, 60),
    "screens": (screens, 20),
    "desktop": (desktop, 20),
    "video": (video, 25),
}


def _word(random: random.Random) -> str:
    letters = "etaoinshrdlucmfwypvbgk"
    return "".join(
        letters[min(int(random.expovariate(0.2)), len(letters) - 1)]
        for _ in range(random.randint(2, 10))
    )


def _film(number: int) -> Image.Image:
    """One frame of something that a camera might see: soft waves, edges, and a sensor's noise."""
    width, height = VIDEO
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    time_ = 2 * np.pi * number / VIDEO_FRAMES
    waves = np.stack(
        [
            np.sin(x / 40 + y / 70 + time_) + np.sin(y / 23 - time_),
            np.cos(x / 55 - time_) + np.sin((x + y) / 31),
            np.sin(np.hypot(x - 320, y - 180) / 30 - 2 * time_),
        ],
        axis=-1,
    )
    disc = np.hypot(x - 320 - 200 * np.cos(time_), y - 180 - 90 * np.sin(time_)) < 60
    noise = np.random.default_rng(number).normal(0, 4, waves.shape)
    picture = 128 + 50 * waves + noise + 60 * disc[:, :, None]
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _wallpaper() -> Image.Image:
    shade = np.linspace(0x30, 0x90, HEIGHT)[:, None, None] * np.ones((1, WIDTH, 3))
    shade[:, :, 2] += 30
    return Image.fromarray(shade.astype(np.uint8))


def _page(width: int, height: int) -> Image.Image:
    """Headings, smooth text, and a photo now and then, on white."""
    words = random.Random(width)
    page = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(page)
    plain, large = ImageFont.load_default(15), ImageFont.load_default(26)
    top = 12
    while top < height:
        if words.random() < 0.06:
            draw.text((16, top), f"{_word(words)} {_word(words)}".title(), "#204080", large)
            top += 40
        elif words.random() < 0.05:
            page.paste(_film(words.randrange(VIDEO_FRAMES)).resize((320, 180)), (16, top))
            top += 192
        else:
            line = " ".join(_word(words) for _ in range(width // 60))
            draw.text((16, top), line, "#202020", plain)
            top += 20
    return page


def screenshot(name: str) -> None:
    """Write what an X server shows, three bytes R, G, B a pixel."""
    root = open_display(name).screen().root
    image = root.get_image(0, 0, WIDTH, HEIGHT, X.ZPixmap, 0xFFFFFFFF)
    pixels = np.frombuffer(image.data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    sys.stdout.buffer.write(pixels[:, :, 2::-1].tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("displays", help="with commas; several only for idle")
    parser.add_argument("workload", choices=WORKLOADS)
    arguments = parser.parse_args()
    painters = [Painter(name) for name in arguments.displays.split(",")]
    prepare, rate = WORKLOADS[arguments.workload]
    paints = [prepare(painter) for painter in painters]
    for painter in painters:
        painter.tick()
    print("painting", flush=True)
    if 1 < len(painters):
        assert not any(paints), "one process paints one screen that moves"
        answer(painters)
    painters[0].run(paints[0], rate)


def answer(painters: Sequence[Painter]) -> Never:
    """Answer keys, whichever screen they are typed on, for ever."""
    while True:
        for painter in select.select(painters, [], [])[0]:
            painter.answer()


if __name__ == "__main__":
    main()
