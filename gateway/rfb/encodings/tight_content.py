"""A Tight rect as its filter left it: what one side inflated, the other need only deflate."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TightContent"]


@dataclass(frozen=True, slots=True)
class TightContent:
    """Pixels that name the colours of a palette (rfbproto, Tight, PaletteFilter).

    `palette` is three bytes R, G, B a colour, 1 to 256 of them. `data` is nothing for one colour, a
    bit a pixel with padded rows for two, a byte a pixel for more.
    """

    palette: bytes
    data: bytes

    @property
    def colours(self) -> int:
        return len(self.palette) // 3

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.palette) + len(self.data)
