"""Zlib: Raw, deflated as one stream through all rects (rfbproto, Zlib Encoding)."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from gateway.rfb.encodings.inflate import Inflater, check_deflated
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
        check_deflated(length, 4 * into.size)
        pixels = self._stream.exactly((yield length), 4 * into.size)
        np.bitwise_and(words(pixels).reshape(into.shape), USED, out=into)
