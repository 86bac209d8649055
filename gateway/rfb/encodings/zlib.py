"""Zlib: Raw, deflated as one stream through all rects (rfbproto, Zlib Encoding)."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from gateway.rfb.encodings.inflate import Inflater
from gateway.rfb.encodings.words import USED, Words, words
from gateway.rfb.reader import Reading

_LENGTH: Final = struct.Struct(">I")


class ZlibDecoder:
    """Holds the connection's stream."""

    def __init__(self) -> None:
        self._stream = Inflater()

    def decode(self, into: Words) -> Reading[None]:
        """Paint a rect."""
        # rfbproto, Zlib Encoding: U32 length, then that many deflated bytes.
        (length,) = _LENGTH.unpack((yield _LENGTH.size))
        yield from self._stream.paint(length, 4 * into.shape[1], into, _paint)


def _paint(pixels: bytes, into: Words) -> None:
    np.bitwise_and(words(pixels).reshape(into.shape), USED, out=into)
