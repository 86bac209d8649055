"""A Tight rect as its filter left it: what one side inflated, the other need only deflate."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["TightContent", "Whole"]


class TightContent(NamedTuple):
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


# What a rect decoded in one go comes to: where its bytes end, how much work it was beside its
# pixels, and its content.
Whole: TypeAlias = tuple[int, int, TightContent | None]
