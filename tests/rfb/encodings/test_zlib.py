"""Zlib: Raw in one stream (rfbproto, Zlib Encoding)."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings

from gateway.errors import RfbError
from gateway.rfb.encodings.zlib import ZlibDecoder
from tests.rfb.encodings.painting import Picture, painted, pictures


def body(deflate: zlib._Compress, picture: Picture) -> bytes:
    height, width, _ = picture.shape
    raw = np.full((height, width, 4), 0xEE, np.uint8)
    raw[:, :, :3] = picture
    data = deflate.compress(raw.tobytes()) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack(">I", len(data)) + data


@settings(max_examples=60, deadline=None)
@given(pictures())
def test_the_stream_goes_on_from_rect_to_rect(picture: Picture) -> None:
    height, width, _ = picture.shape
    deflate, decoder = zlib.compressobj(), ZlibDecoder()
    first, second = body(deflate, picture), body(deflate, 255 - picture)
    assert (painted(decoder.decode, width, height, first) == picture).all()
    assert (painted(decoder.decode, width, height, second) == 255 - picture).all()


def test_a_pixel_too_few_or_too_many_is_refused() -> None:
    for pixels in (1, 3):
        said = body(zlib.compressobj(), np.zeros((1, pixels, 3), np.uint8))
        with pytest.raises(RfbError, match="were expected"):
            painted(ZlibDecoder().decode, 2, 1, said)


def test_a_stream_that_ended_gives_no_more() -> None:
    data = zlib.compress(bytes(4))
    said = struct.pack(">I", len(data)) + data
    decoder = ZlibDecoder()
    painted(decoder.decode, 1, 1, said)
    with pytest.raises(RfbError, match="goes on after its end"):
        painted(decoder.decode, 1, 1, said)
