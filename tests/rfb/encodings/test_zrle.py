"""ZRLE: 64x64 tiles in seven ways (RFC 6143 §7.7.6)."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.encodings.zrle import ZrleDecoder
from tests.rfb.encodings.painting import Picture, painted, pictures

Pixels = list[bytes]


def deflated(data: bytes, deflate: zlib._Compress | None = None) -> bytes:
    """U32 length, then the tiles as a piece of the stream."""
    deflate = deflate or zlib.compressobj()
    data = deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack(">I", len(data)) + data


def run_length(run: int) -> bytes:
    return b"\xff" * ((run - 1) // 255) + bytes([(run - 1) % 255])


def runs(pixels: Pixels) -> list[tuple[bytes, int]]:
    return [(colour, len(list(same))) for colour, same in itertools.groupby(pixels)]


def raw(pixels: Pixels, width: int) -> bytes:
    return b"\x00" + b"".join(pixels)


def plain_rle(pixels: Pixels, width: int) -> bytes:
    return b"\x80" + b"".join(colour + run_length(run) for colour, run in runs(pixels))


def palette_rle(pixels: Pixels, width: int) -> bytes:
    palette = sorted(set(pixels))
    if not 2 <= len(palette) <= 127:
        return plain_rle(pixels, width)
    said = bytes([128 + len(palette)]) + b"".join(palette)
    for colour, run in runs(pixels):
        index = palette.index(colour)
        said += bytes([index]) if run == 1 else bytes([index | 128]) + run_length(run)
    return said


def packed(pixels: Pixels, width: int) -> bytes:
    palette = sorted(set(pixels))
    if not 2 <= len(palette) <= 16:
        return raw(pixels, width)
    bits = 1 if len(palette) == 2 else 2 if len(palette) <= 4 else 4
    said = bytes([len(palette)]) + b"".join(palette)
    for start in range(0, len(pixels), width):
        row = "".join(f"{palette.index(p):0{bits}b}" for p in pixels[start : start + width])
        row += "0" * (-len(row) % 8)
        said += bytes(int(row[n : n + 8], 2) for n in range(0, len(row), 8))
    return said


def solid(pixels: Pixels, width: int) -> bytes:
    return b"\x01" + pixels[0] if len(set(pixels)) == 1 else raw(pixels, width)


WAYS = [raw, solid, packed, plain_rle, palette_rle]


def tiles(picture: Picture, ways: Callable[[], Callable[[Pixels, int], bytes]]) -> bytes:
    said = b""
    for top in range(0, picture.shape[0], 64):
        for left in range(0, picture.shape[1], 64):
            tile = picture[top : top + 64, left : left + 64]
            pixels = [bytes(pixel) for pixel in tile.reshape(-1, 3).tolist()]
            said += ways()(pixels, tile.shape[1])
    return said


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=40, deadline=None)
@given(picture=pictures(side=130))
def test_each_way(way: Callable[[Pixels, int], bytes], picture: Picture) -> None:
    height, width, _ = picture.shape
    said = deflated(tiles(picture, lambda: way))
    assert (painted(ZrleDecoder().decode, width, height, said) == picture).all()


@settings(max_examples=30, deadline=None)
@given(pictures(side=130, colours=20), st.randoms(use_true_random=False))
def test_the_ways_mix_and_the_stream_goes_on(picture: Picture, random: object) -> None:
    height, width, _ = picture.shape
    deflate, decoder = zlib.compressobj(), ZrleDecoder()
    for shown in (picture, picture[::-1]):
        said = deflated(tiles(shown, lambda: random.choice(WAYS)), deflate)  # type: ignore[attr-defined]
        assert (painted(decoder.decode, width, height, said) == shown).all()


def test_the_longest_runs() -> None:
    picture = np.full((64, 64, 3), 255, np.uint8)
    for way in (plain_rle, palette_rle):
        picture[63, 63] = 0
        said = deflated(tiles(picture, lambda way=way: way))  # type: ignore[misc]
        assert (painted(ZrleDecoder().decode, 64, 64, said) == picture).all()
    # one run over the whole tile: 16 bytes of 255 and the rest, 4096 - 1 - 16 x 255 = 15
    said = deflated(b"\x80" + b"\x01\x02\x03" + b"\xff" * 16 + b"\x0f")
    assert (painted(ZrleDecoder().decode, 64, 64, said) == (1, 2, 3)).all()


@pytest.mark.parametrize(
    "said",
    [
        b"",  # the tile is missing
        b"\x01\x00\x00",  # half a colour
        b"\x00" + bytes(11),  # a pixel too few
        b"\x00" + bytes(15),  # a byte too many
        b"\x11" + bytes(60),  # subencoding 17 is unused
        b"\x81" + bytes(60),  # and so is 129
        b"\x80" + b"\x00\x00\x00\x04",  # plain: a run of 5 in a tile of 4
        b"\x80" + b"\x00\x00\x00\x00" * 3 + b"\x00\x00\x00\x01",  # … and one that ends too late
        b"\x80" + b"\x00\x00\x00\xff\x00",  # a run of 256
        b"\x80" + b"\x00\x00\x00\xff",  # an endless one
        b"\x80" + b"\x00\x00\x00\x02",  # one that is missing
        b"\x80" + b"\x00\x00",  # half of one
        b"\x82" + bytes(6) + b"\x80\x04",  # palette: a run of 5
        b"\x82" + bytes(6) + b"\x80\xff",  # an endless one
        b"\x82" + bytes(6) + b"\x80\xff\x00",  # a run of 256
        b"\x82" + bytes(6) + b"\x00\x00\x00",  # one that is missing
        b"\x82" + bytes(6) + b"\x00\x00\x00\x80",  # half of one
        b"\x82" + bytes(6) + b"\x00\x00\x00\x02",  # a colour outside the palette
        b"\x83" + bytes(9) + b"\x83\x03",  # … in a run
        b"\x03" + bytes(9) + b"\xc0\x00",  # … in packed pixels
        b"\x02" + bytes(6) + b"\x00",  # a row is missing
    ],
)
def test_what_does_not_fit_its_tile_is_refused(said: bytes) -> None:
    with pytest.raises(RfbError):
        painted(ZrleDecoder().decode, 2, 2, deflated(said))
