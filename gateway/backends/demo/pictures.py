"""What the demo's desktop is painted with: a landscape, windows, pointer shapes."""

from __future__ import annotations

from typing import Final

import numpy as np

from gateway.backends.demo import fonts
from gateway.backends.demo.fonts import Colour, rgbx
from gateway.rfb.framebuffer import Pixels
from gateway.rfb.wire import Cursor

_TITLE_HEIGHT: Final = 20

_ARROW: Final = """
X
XX
X.X
X..X
X...X
X....X
X.....X
X......X
X.......X
X........X
X.....XXXXX
X..X..X
X.X X..X
XX  X..X
X    X..X
     X..X
      XX
"""
_BEAM: Final = """
XXX XXX
   X
   X
   X
   X
   X
   X
   X
   X
   X
   X
   X
XXX XXX
"""


def blank(width: int, height: int, colour: Colour) -> Pixels:
    """An area of one colour."""
    return np.broadcast_to(rgbx(colour), (height, width, 4)).copy()


def wallpaper(width: int, height: int) -> Pixels:
    """Dusk: from deep blue to teal."""
    down = np.linspace(0.0, 1.0, height)[:, None]
    across = np.linspace(0.0, 1.0, width)[None, :]
    return _colours(18 + 20 * down + 8 * across, 42 + 70 * down, 74 + 60 * down + 14 * across)


def photograph(width: int, height: int) -> Pixels:
    """A landscape with grain, as a camera leaves it: hills, a sun, haze."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width])[:, None, None]
    sun = np.exp(-((x - 0.72) ** 2 * 5 + (y - 0.3) ** 2 * 9) * 6)
    red, green, blue = 130 + 90 * y + 90 * sun, 120 + 50 * y + 70 * sun, 190 - 70 * y + 20 * sun
    for depth, base in enumerate((0.58, 0.7, 0.84)):
        ridge = base + 0.06 * np.sin(x * (7 + 4 * depth) + depth) + 0.02 * np.sin(x * 31 + depth)
        hill = 1 / (1 + np.exp((ridge - y) * 160))
        shade = 0.75 - 0.22 * depth
        red = red * (1 - hill) + hill * 96 * shade
        green = green * (1 - hill) + hill * (128 - 12 * depth) * shade
        blue = blue * (1 - hill) + hill * 108 * shade
    grain = random.normal(0.0, 3.0, (height, width))
    return _colours(red + grain, green + grain, blue + grain)


def plasma(width: int, height: int, seconds: float) -> Pixels:
    """A moving picture, smooth as video is."""
    x = np.linspace(0.0, 6.0, width)[None, :]
    y = np.linspace(0.0, 4.0, height)[:, None]
    one = np.sin(x + seconds) + np.sin(y * 1.3 - seconds * 0.7)
    two = np.sin((x + y) * 0.8 + seconds * 1.1)
    return _colours(128 + 60 * one, 110 + 90 * two, 150 + 50 * (two - one))


def window(width: int, height: int, title: str, colour: Colour, lines: list[str]) -> Pixels:
    """A window with a title bar and text."""
    pixels = blank(width, height, (245, 245, 240))
    pixels[:_TITLE_HEIGHT] = rgbx(colour)
    put_text(pixels, (8, 2), title, (255, 255, 255), colour)
    for index, line in enumerate(lines):
        put_text(pixels, (10, _TITLE_HEIGHT + 8 + 18 * index), line, (30, 30, 30), (245, 245, 240))
    pixels[[0, -1]] = pixels[:, [0, -1]] = rgbx((20, 24, 32))
    return pixels


def put_text(pixels: Pixels, place: tuple[int, int], text: str, ink: Colour, paper: Colour) -> None:
    """Write one line; what does not fit is cut off."""
    x, y = place
    room = max(0, (pixels.shape[1] - x) // fonts.small().width)
    drawn = fonts.small().draw(text[:room], ink, paper)
    target = pixels[y : y + drawn.shape[0], x : x + drawn.shape[1]]
    target[:] = drawn[: target.shape[0]]


def mark() -> Pixels:
    """What a click leaves on the wallpaper."""
    return blank(7, 7, (255, 196, 61))


def arrow() -> Cursor:
    """The usual pointer."""
    return _shape(_ARROW, 0, 0)


def beam() -> Cursor:
    """The pointer over text."""
    return _shape(_BEAM, 3, 6)


def _shape(drawing: str, hot_x: int, hot_y: int) -> Cursor:
    rows = drawing.strip("\n").split("\n")
    width = max(map(len, rows))
    inks = {"X": b"\x00\x00\x00\xff", ".": b"\xff\xff\xff\xff", " ": bytes(4)}
    rgba = b"".join(inks[letter] for row in rows for letter in row.ljust(width))
    return Cursor(width, len(rows), hot_x, hot_y, rgba)


def _colours(*channels: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Pixels:
    red, green, blue = np.broadcast_arrays(*channels)
    pixels = np.zeros((*red.shape, 4), np.uint8)
    for index, channel in enumerate((red, green, blue)):
        pixels[..., index] = np.clip(channel, 0, 255)
    return pixels
