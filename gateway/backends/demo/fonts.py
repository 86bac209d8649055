"""Letters for the demo's screens: X.Org's "misc-fixed" bitmaps (public domain), Latin-1.

They are kept as sheets of 16 x 16 glyphs, so that no screen depends on the system's fonts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from gateway.rfb.framebuffer import Pixels

Colour = tuple[int, int, int]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Font:
    """256 glyphs of one size: `glyphs[code]` is `height` x `width`, true where there is ink."""

    width: int
    height: int
    glyphs: Mask

    def line(self, codes: npt.NDArray[np.uint8]) -> Mask:
        """A row of glyphs side by side: `height` x (`width` * count)."""
        return self.glyphs[codes].transpose(1, 0, 2).reshape(self.height, -1)

    def draw(self, text: str, ink: Colour, paper: Colour) -> Pixels:
        """One line of text as pixels."""
        codes = np.frombuffer(text.encode("latin-1", "replace"), np.uint8)
        return np.where(self.line(codes)[..., None], rgbx(ink), rgbx(paper))


def rgbx(colour: Colour) -> Pixels:
    """A colour as one pixel."""
    return np.array((*colour, 0), np.uint8)


@cache
def small() -> Font:
    """8 x 16, as in firmware's text mode: 80 x 25 letters fill 640 x 400."""
    return _load("fixed-8x13.png", 8, 13, room=(1, 2))


@cache
def large() -> Font:
    """10 x 20: 80 x 25 letters fill 800 x 500."""
    return _load("fixed-10x20.png", 10, 20)


def _load(name: str, width: int, height: int, *, room: tuple[int, int] = (0, 0)) -> Font:
    """`room`: blank rows above and below each glyph."""
    data = files(__package__).joinpath("fonts", name).read_bytes()
    with Image.open(BytesIO(data)) as sheet:
        ink = np.asarray(sheet.convert("1"), np.bool_)
    glyphs = ink.reshape(16, height, 16, width).transpose(0, 2, 1, 3).reshape(256, height, width)
    glyphs = np.pad(glyphs, ((0, 0), room, (0, 0)))
    return Font(width, height + sum(room), glyphs)
