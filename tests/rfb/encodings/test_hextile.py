"""Hextile: 16x16 tiles with rectangles on them (RFC 6143 §7.7.4)."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.encodings.hextile import decode_hextile
from tests.rfb.encodings.painting import Picture, painted, pictures

RAW, BACKGROUND, FOREGROUND, SUBRECTS, COLOURED = 1, 2, 4, 8, 16
RED, GREEN, BLUE = b"\xff\x00\x00\x99", b"\x00\xff\x00\x99", b"\x00\x00\xff\x99"
R, G, B = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def subrect(x: int, y: int, width: int, height: int) -> bytes:
    return bytes([x << 4 | y, (width - 1) << 4 | (height - 1)])


def reference(data: bytes, width: int, height: int) -> Picture:
    """The plain way: tile by tile, rectangle by rectangle."""
    picture = np.zeros((height, width, 4), np.uint8)
    at, background, foreground = 0, bytes(4), bytes(4)
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            tile = picture[top : top + 16, left : left + 16]
            flags, at = data[at], at + 1
            if flags & RAW:
                size = tile.shape[0] * tile.shape[1] * 4
                tile[:] = np.frombuffer(data[at : at + size], np.uint8).reshape(tile.shape)
                at += size
                continue
            if flags & BACKGROUND:
                background, at = data[at : at + 4], at + 4
            if flags & FOREGROUND:
                foreground, at = data[at : at + 4], at + 4
            tile[:] = np.frombuffer(background, np.uint8)
            if not flags & SUBRECTS:
                continue
            count, at = data[at], at + 1
            for _ in range(count):
                colour = foreground
                if flags & COLOURED:
                    colour, at = data[at : at + 4], at + 4
                x, y = data[at] >> 4, data[at] & 15
                w, h = (data[at + 1] >> 4) + 1, (data[at + 1] & 15) + 1
                at += 2
                tile[y : y + h, x : x + w] = np.frombuffer(colour, np.uint8)
    assert at == len(data)
    return picture[:, :, :3]


def test_colours_stay_for_the_tiles_that_follow() -> None:
    said = (
        # tile 0: background red, foreground green, one subrect at 1,2 of 2x1
        bytes([BACKGROUND | FOREGROUND | SUBRECTS]) + RED + GREEN + b"\x01" + subrect(1, 2, 2, 1)
        # tile 1, three pixels wide: same colours, one subrect at 0,0 of 3x1
        + bytes([SUBRECTS]) + b"\x01" + subrect(0, 0, 3, 1)
    )  # fmt: skip
    picture = painted(decode_hextile, 19, 4, said)
    expected = np.full((4, 19, 3), R, np.uint8)
    expected[2, 1:3] = G
    expected[0, 16:] = G
    assert (picture == expected).all()


def test_a_later_subrect_lies_on_top() -> None:
    said = (
        bytes([BACKGROUND | SUBRECTS | COLOURED]) + RED + b"\x02"
        + GREEN + subrect(0, 0, 3, 1)
        + BLUE + subrect(1, 0, 1, 1)
    )  # fmt: skip
    assert painted(decode_hextile, 4, 1, said)[0].tolist() == [list(c) for c in (G, B, G, R)]


def test_a_raw_tile_between_others() -> None:
    said = (
        bytes([BACKGROUND]) + RED
        + bytes([RAW]) + GREEN * 16
        # the background is still red
        + b"\x00"
    )  # fmt: skip
    picture = painted(decode_hextile, 33, 1, said)
    assert picture[0].tolist() == [list(R)] * 16 + [list(G)] * 16 + [list(R)]


@st.composite
def tiles(draw: st.DrawFn) -> tuple[bytes, int, int]:
    """Any tiles, overlapping subrects and all."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    said = b""
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            across, down = min(16, width - left), min(16, height - top)
            flags = draw(st.integers(0, 31))
            said += bytes([flags])
            if flags & RAW:
                said += draw(st.binary(min_size=4, max_size=4)) * (across * down)
                continue
            said += RED * (flags >> 1 & 1) + GREEN * (flags >> 2 & 1)
            if flags & SUBRECTS:
                count = draw(st.integers(0, 255))
                seed = draw(st.integers(0, 2**32))
                random = np.random.default_rng(seed)
                said += bytes([count])
                large = draw(st.booleans())
                for _ in range(count):
                    x, y = int(random.integers(0, across)), int(random.integers(0, down))
                    w = int(random.integers(1, across - x + 1)) if large else 1
                    h = int(random.integers(1, down - y + 1)) if large else 1
                    said += random.bytes(4) if flags & COLOURED else b""
                    said += subrect(x, y, w, h)
    return said, width, height


@settings(max_examples=60, deadline=None)
@given(tiles())
def test_it_paints_what_the_plain_way_paints(case: tuple[bytes, int, int]) -> None:
    said, width, height = case
    assert (painted(decode_hextile, width, height, said) == reference(said, width, height)).all()


@settings(max_examples=60, deadline=None)
@given(pictures(side=40))
def test_raw_tiles(picture: Picture) -> None:
    height, width, _ = picture.shape
    said = b""
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            tile = picture[top : top + 16, left : left + 16].reshape(-1, 3)
            said += bytes([RAW]) + b"".join(struct.pack("4B", *p, 7) for p in tile.tolist())
    assert (painted(decode_hextile, width, height, said) == picture).all()


@pytest.mark.parametrize(
    "outside", [subrect(15, 0, 2, 1), subrect(0, 15, 1, 2), subrect(15, 15, 16, 16)]
)
def test_a_subrect_outside_its_tile_is_refused(outside: bytes) -> None:
    # in the first of two tiles, so that outside the tile is inside the rect
    said = bytes([SUBRECTS]) + b"\x01" + outside + b"\x00" * 3
    with pytest.raises(RfbError, match="beyond its tile"):
        painted(decode_hextile, 32, 32, said)


def test_a_subrect_outside_a_narrow_tile_is_refused() -> None:
    with pytest.raises(RfbError, match="beyond its tile"):
        painted(decode_hextile, 5, 5, bytes([SUBRECTS]) + b"\x01" + subrect(3, 0, 3, 1))
