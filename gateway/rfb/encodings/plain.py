"""Bytes that nobody deflated, behind their length, where Tight has a zlib stream otherwise.

x11vnc, TurboVNC and other servers of that family send them at compression level 0.
"""

from __future__ import annotations

from gateway.errors import RfbError
from gateway.rfb.encodings.inflate import AT_ONCE, Paint
from gateway.rfb.encodings.words import Words
from gateway.rfb.reader import Reading

# Work of a pixel painted from them.
_PIXEL = 8


class Plain:
    """Reads as an `Inflater` does, and inflates nothing."""

    def exactly(self, length: int, size: int) -> Reading[bytes]:
        """The next `length` bytes. Raises: RfbError unless they are `size`."""
        _check(length, size)
        return bytes((yield length))

    def paint(self, length: int, row: int, into: Words, paint: Paint) -> Reading[None]:
        """Let `paint` paint a rect whose rows are `row` bytes each, a band of rows at a time.

        Raises: RfbError where `length` is not what they come to.
        """
        _check(length, row * len(into))
        rows = max(1, AT_ONCE // row)
        for top in range(0, len(into), rows):
            band = into[top : top + rows]
            paint(bytes((yield row * len(band))), band)
            yield -_PIXEL * band.size


def _check(length: int, size: int) -> None:
    if length != size:
        raise RfbError(f"{length} bytes, not deflated, came where {size} were expected")
