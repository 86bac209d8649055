"""Tight: fill, JPEG, and deflated pixels through three filters (rfbproto, Tight Encoding)."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.encodings.tight import TightDecoder
from gateway.rfb.encodings.tight_content import TightContent
from tests.rfb.encodings.painting import Picture, compact, painted, pictures

FILL, JPEG, FILTER, PLAIN, PLAIN_FILTER = 0x80, 0x90, 0x40, 0xA0, 0xE0
COPY, PALETTE, GRADIENT = b"\x00", b"\x01", b"\x02"


def deflated(data: bytes, deflate: zlib._Compress | None = None) -> bytes:
    if len(data) < 12:
        return data
    deflate = deflate or zlib.compressobj()
    data = deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return compact(len(data)) + data


def palette_of(picture: Picture) -> tuple[list[list[int]], list[int]]:
    pixels = picture.reshape(-1, 3).tolist()
    palette: dict[tuple[int, ...], int] = {}
    indices = [palette.setdefault(tuple(pixel), len(palette)) for pixel in pixels]
    return [list(colour) for colour in palette], indices


def as_it_is(data: bytes) -> bytes:
    """What nobody deflated."""
    return data if len(data) < 12 else compact(len(data)) + data


def indexed(
    picture: Picture, control: int = FILTER, said: Callable[[bytes], bytes] = deflated
) -> bytes:
    """Palette filter: number of colours less one, colours, then bits or bytes."""
    height, width, _ = picture.shape
    palette, indices = palette_of(picture)
    if len(palette) == 1:
        palette.append([1, 2, 3])
    data = bytes(indices) if 2 < len(palette) else b""
    for row in range(height if len(palette) == 2 else 0):
        bits = "".join(map(str, indices[row * width : (row + 1) * width]))
        bits += "0" * (-len(bits) % 8)
        data += bytes(int(bits[n : n + 8], 2) for n in range(0, len(bits), 8))
    return (
        bytes([control])
        + PALETTE
        + bytes([len(palette) - 1])
        + bytes(level for colour in palette for level in colour)
        + said(data)
    )


def gradient(picture: Picture) -> bytes:
    """Each byte as its difference from left + above - corner, kept within 0 … 255."""
    height, width, _ = picture.shape
    known = np.zeros((height + 1, width + 1, 3), int)
    known[1:, 1:] = picture
    differences = bytearray()
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            guess = known[y, x - 1] + known[y - 1, x] - known[y - 1, x - 1]
            differences += bytes(((known[y, x] - guess.clip(0, 255)) % 256).tolist())
    return bytes([FILTER]) + GRADIENT + deflated(bytes(differences))


def test_fill_is_one_colour() -> None:
    assert (painted(TightDecoder().decode, 3, 2, b"\x80\x01\x02\x03") == (1, 2, 3)).all()


def test_few_bytes_come_as_they_are() -> None:
    # basic compression, stream 0, no filter; three pixels are nine bytes: no length, not deflated
    said = b"\x00" + b"\xff\x00\x00" + b"\x00\xff\x00" + b"\x00\x00\xff"
    picture = painted(TightDecoder().decode, 3, 1, said)
    assert picture[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_two_colours_come_as_bits() -> None:
    # palette filter, two colours (1 less: 1), a row of nine pixels is two bytes: 1 0000 000, 1
    said = b"\x40\x01" + b"\x01" + b"\x09\x09\x09" + b"\x07\x07\x07" + b"\x80\x80"
    picture = painted(TightDecoder().decode, 9, 1, said)
    assert picture[0, :, 0].tolist() == [7, 9, 9, 9, 9, 9, 9, 9, 7]


@settings(max_examples=60, deadline=None)
@given(pictures())
def test_copy(picture: Picture) -> None:
    height, width, _ = picture.shape
    said = b"\x00" + deflated(picture.tobytes())
    assert (painted(TightDecoder().decode, width, height, said) == picture).all()


@settings(max_examples=60, deadline=None)
@given(pictures(colours=256))
def test_palettes(picture: Picture) -> None:
    height, width, _ = picture.shape
    assert (painted(TightDecoder().decode, width, height, indexed(picture)) == picture).all()


@settings(max_examples=60, deadline=None)
@given(pictures(colours=256))
def test_what_nobody_deflated(picture: Picture) -> None:
    """As x11vnc and TurboVNC say it at compression level 0."""
    height, width, _ = picture.shape
    copied = bytes([PLAIN]) + as_it_is(picture.tobytes())
    assert (painted(TightDecoder().decode, width, height, copied) == picture).all()
    named = indexed(picture, PLAIN_FILTER, as_it_is)
    assert (painted(TightDecoder().decode, width, height, named) == picture).all()


def test_a_screen_that_nobody_deflated() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (700, 600, 3), np.uint8)
    said = bytes([PLAIN]) + as_it_is(picture.tobytes())
    assert (painted(TightDecoder().decode, 600, 700, said) == picture).all()


@pytest.mark.parametrize(("width", "height"), [(2, 3), (600, 700)])
@pytest.mark.parametrize("more", [-1, 1])
def test_what_nobody_deflated_is_as_long_as_its_pixels(width: int, height: int, more: int) -> None:
    data = bytes(3 * width * height + more)
    with pytest.raises(RfbError, match="not deflated"):
        painted(TightDecoder().decode, width, height, bytes([PLAIN]) + as_it_is(data))
    with pytest.raises(RfbError, match="not deflated"):
        said = bytes([PLAIN_FILTER]) + PALETTE + b"\x02" + bytes(9)
        data = bytes(20 * 30 + more)
        painted(TightDecoder().decode, 20, 30, said + as_it_is(data))


@settings(max_examples=60, deadline=None)
@given(pictures(side=20))
def test_gradient(picture: Picture) -> None:
    height, width, _ = picture.shape
    assert (painted(TightDecoder().decode, width, height, gradient(picture)) == picture).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), pictures(side=12)), max_size=8))
def test_four_streams_go_on_until_they_begin_anew(
    rects: list[tuple[int, bool, Picture]],
) -> None:
    decoder, streams = TightDecoder(), [zlib.compressobj() for _ in range(4)]
    for stream, anew, picture in rects:
        height, width, _ = picture.shape
        if anew:
            streams[stream] = zlib.compressobj()
        control = stream << 4 | anew << stream
        said = bytes([control]) + deflated(picture.tobytes(), streams[stream])
        assert (painted(decoder.decode, width, height, said) == picture).all()


def test_lengths_of_one_two_and_three_bytes() -> None:
    random = np.random.default_rng(1)
    for width, size in ((8, 1), (100, 2), (6000, 3)):
        picture = random.integers(0, 256, (1, width, 3), np.uint8)
        said = b"\x00" + deflated(picture.tobytes())
        assert len(said) - 1 == size + len(zlib.compress(picture.tobytes())) + size_of_flush(
            picture
        )
        assert (painted(TightDecoder().decode, width, 1, said) == picture).all()


def size_of_flush(picture: Picture) -> int:
    deflate = zlib.compressobj()
    data = deflate.compress(picture.tobytes()) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return len(data) - len(zlib.compress(picture.tobytes()))


def test_jpeg_is_decoded() -> None:
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:, 12:] = (250, 10, 10)
    data = simplejpeg.encode_jpeg(picture, 95, colorsubsampling="444")
    shown = painted(TightDecoder().decode, 24, 16, bytes([JPEG]) + compact(len(data)) + data)
    assert np.abs(shown.astype(int) - picture).max() < 20


@pytest.mark.parametrize("control", [0xB0, 0xC0, 0xD0, 0xF0])
def test_unknown_compression_is_refused(control: int) -> None:
    with pytest.raises(RfbError, match="no compression"):
        painted(TightDecoder().decode, 1, 1, bytes([control]) + bytes(20))


def test_an_unknown_filter_is_refused() -> None:
    with pytest.raises(RfbError, match="no filter 3"):
        painted(TightDecoder().decode, 1, 1, b"\x40\x03" + bytes(20))


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 5), (5, 0)])
@pytest.mark.parametrize("control", [0x00, FILTER, PLAIN, PLAIN_FILTER])
def test_a_rect_without_pixels_is_none(control: int, width: int, height: int) -> None:
    filters = [COPY, GRADIENT, *(PALETTE + bytes([n]) + bytes(3 * n + 3) for n in (0, 1, 2, 255))]
    for each in filters if control & FILTER else [b""]:
        said = bytes([control]) + each
        assert painted(TightDecoder().decode, width, height, said).size == 0


def test_a_colour_outside_the_palette_is_refused() -> None:
    # three colours; the second pixel names the fourth
    with pytest.raises(RfbError, match="colour 3 of 3"):
        painted(TightDecoder().decode, 2, 1, b"\x40\x01\x02" + bytes(9) + b"\x00\x03")


def content(said: bytes, width: int, height: int) -> TightContent | None:
    """What a rect was painted from."""
    reading = TightDecoder().decode(np.zeros((height, width), np.uint32))
    need, at = next(reading), 0
    try:
        while True:
            size = max(need, 0)
            need = reading.send(memoryview(said)[at : at + size])
            at += size
    except StopIteration as end:
        found: TightContent | None = end.value
        return found


def test_what_names_colours_is_handed_on() -> None:
    assert content(b"\x80\x01\x02\x03", 3, 2) == TightContent(b"\x01\x02\x03", b"")
    two, bits = b"\xff\0\0\0\xff\0", b"\x80\x80"
    assert content(b"\x40\x01\x01" + two + bits, 9, 1) == TightContent(two, bits)
    three, indices = bytes(range(9)), bytes([0, 1, 2, 1])
    assert content(b"\x40\x01\x02" + three + indices, 4, 1) == TightContent(three, indices)


def test_what_is_no_palette_is_not() -> None:
    assert content(b"\x00" + bytes(9), 3, 1) is None
    # A palette of one colour with a bit a pixel: understood, and no encoder of ours would say it.
    assert content(b"\x40\x01\x00" + b"\x01\x02\x03" + b"\x00", 8, 1) is None
