"""The framebuffer: pixels as the upstream last painted them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.errors import RfbError
from gateway.rfb.wire import MAX_PIXELS, MAX_SIDE, Rect

Pixels: TypeAlias = npt.NDArray[np.uint8]
_BAND: Final = 256 * 1024


class Framebuffer:
    """Height x width x 4 bytes (R, G, B, unused), C-contiguous, painted in place."""

    def __init__(self, width: int, height: int) -> None:
        """Raises: RfbError where the size is beyond the bounds."""
        check_size(width, height)
        self.pixels: Pixels = np.zeros((height, width, 4), np.uint8)
        self.whole = True  # no update is being painted just now

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    def view(self, rect: Rect) -> Pixels:
        """The pixels of `rect`, not copied. Raises: RfbError where it reaches outside."""
        x, y, width, height = rect
        right, bottom = x + width, y + height
        if x < 0 or y < 0 or self.pixels.shape[1] < right or self.pixels.shape[0] < bottom:
            raise RfbError(
                f"rect {width}x{height}+{x}+{y} reaches outside {self.width}x{self.height}"
            )
        return self.pixels[y:bottom, x:right]

    def fill(self, rect: Rect, colour: tuple[int, int, int]) -> None:
        """Paint `rect` in one colour."""
        self.view(rect)[:] = (*colour, 0)

    def copy(self, rect: Rect, source_x: int, source_y: int) -> None:
        """Copy to `rect` the equal rect at the source; the two may overlap (RFC 6143 §7.7.2)."""
        x, y, width, height = rect
        source = self.view(Rect(source_x, source_y, width, height))
        into = self.view(rect)
        if x == source_x == 0 and width == self.width:
            # Whole rows lie side by side: moved in one go, whichever way they overlap.
            memory, row = self.pixels.data.cast("B"), 4 * width
            start, end = row * source_y, row * (source_y + height)
            memory[row * y : row * (y + height)] = memory[start:end]
        elif rect.y == source_y or rect.height <= abs(rect.y - source_y):
            into[:] = source.copy() if rect.y == source_y else source
        else:
            _move_rows(source, into, rect.y - source_y)

    def resize(self, width: int, height: int) -> None:
        """Take a new size; what both sizes share keeps its pixels, the rest is black."""
        for _ in self.resizing(width, height):
            pass

    def resizing(self, width: int, height: int) -> Iterator[int]:
        """`resize` in steps, of so many pixels each. The old pixels stay until the last one."""
        check_size(width, height)
        old, new = self.pixels, np.empty((height, width, 4), np.uint8)
        shared = min(width, old.shape[1])
        for band in _bands(new):
            new[band] = 0
            # What the old one does not have is an empty slice of it.
            rows = old[band, :shared]
            new[band.start : band.start + len(rows), :shared] = rows
            yield new[band].size // 4
        self.pixels = new

    def settling(self) -> Iterator[int]:
        """Take the memory, in steps of so many pixels each; the first painting would, at once."""
        for band in _bands(self.pixels):
            self.pixels[band] = 0
            yield self.pixels[band].size // 4


def _move_rows(source: Pixels, into: Pixels, down: int) -> None:
    """Copy between areas that overlap, in bands that do not, from the end that is left first."""
    rows, step = len(source), abs(down)
    tops = range(0, rows, step)
    for top in tops if down < 0 else reversed(tops):
        into[top : top + step] = source[top : top + step]


def _bands(pixels: Pixels) -> Iterator[slice]:
    height, width, _ = pixels.shape
    rows = max(1, _BAND // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def check_size(width: int, height: int) -> None:
    """Raises: RfbError unless a framebuffer may have this size."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise RfbError(f"a framebuffer of {width}x{height} is out of bounds")
