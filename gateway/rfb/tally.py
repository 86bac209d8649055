"""What painting for viewers came to, in plain counts. Whoever paints adds; whoever asks reads."""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final

from gateway.rfb.wire import Encoding

__all__ = ["Kind", "Tally", "kind_of"]

# RFC 6143 §7.6.1: a rect begins with its place and size, then its encoding.
_ENCODING: Final = slice(8, 12)
_CONTROL: Final = 12  # where what is behind the header begins
# rfbproto, Tight: the compression control's upper half, and the filters behind it.
_FILL, _JPEG = 0x8, 0x9
_WITH_FILTER: Final = 0x4
_PALETTE: Final = 1


class Kind(StrEnum):
    """How a rect says what it paints."""

    COPYRECT = "copyrect"
    FILL = "fill"
    MONO = "mono"
    INDEXED = "indexed"
    JPEG = "jpeg"
    DEFLATE = "deflate"
    RAW = "raw"
    PSEUDO = "pseudo"  # paints nothing: the pointer's shape, the size


_TIGHT: Final = struct.pack(">i", Encoding.TIGHT)
_KINDS: Final = {
    struct.pack(">i", Encoding.COPYRECT): Kind.COPYRECT,
    struct.pack(">i", Encoding.RAW): Kind.RAW,
}
_TIGHT_KINDS: Final = {_FILL: Kind.FILL, _JPEG: Kind.JPEG}
# Asked of each rect, and an enum is slow to name its members.
_MONO, _INDEXED, _DEFLATE, _PSEUDO = Kind.MONO, Kind.INDEXED, Kind.DEFLATE, Kind.PSEUDO


class Tally:
    """Counts since the process began, of all its screens together.

    Threads encode at the same time and may lose one count in many: figures, nothing decides by
    them.
    """

    __slots__ = ("frames", "hits", "misses", "sent", "sizes", "updates")

    def __init__(self) -> None:
        self.frames = 0  # that changed a screen
        self.updates = 0  # that viewers were sent, each for one viewer
        self.sent = 0  # bytes to viewers
        self.hits = 0  # paintings that were found encoded
        self.misses = 0  # paintings that had to be encoded
        self.sizes = dict.fromkeys(Kind, 0)  # bytes of rects, each encoded once for all who want it

    def encoded(self, rect: bytes) -> None:
        """A rect was made, header included; one payload may not hold two."""
        self.sizes[kind_of(rect)] += len(rect)


def kind_of(rect: bytes) -> Kind:
    """By a rect's own bytes, of an encoding that we send."""
    encoding = rect[_ENCODING]
    if encoding != _TIGHT:
        return _KINDS.get(encoding, _PSEUDO)
    control = rect[_CONTROL] >> 4
    if control & _WITH_FILTER and control < _FILL and rect[_CONTROL + 1] == _PALETTE:
        # The palette's size less one: two colours take a bit a pixel.
        return _MONO if rect[_CONTROL + 2] == 1 else _INDEXED
    return _TIGHT_KINDS.get(control, _DEFLATE)
