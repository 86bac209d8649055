"""Tight, encoded: the cheapest kind for what is there, exact unless a photo, self-contained."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rfb.encodings.rect_header import rect_header
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.tight_encoder import TightRect, tight_rect, tight_rects
from gateway.rfb.encodings.words import WORD, Words
from gateway.rfb.messages import framebuffer_update
from gateway.rfb.wire import Rect
from tests.doubles.simple_viewer import SimpleViewer

RED, GREEN, BLUE = 0x0000FF, 0x00FF00, 0xFF0000
FILL, JPEG, BASIC, PALETTE = 0x80, 0x90, 0x01, 0x52


def words(*rows: list[int]) -> Words:
    return np.array(rows, WORD)


def runs(random: np.random.Generator, height: int, width: int, colours: int) -> Words:
    """Colours in runs of four, as text and windows have them."""
    palette = random.choice(1 << 24, colours, replace=False).astype(WORD)
    chosen = random.integers(0, colours, (height, width // 4 + 1))
    return palette[np.repeat(chosen, 4, axis=1)[:, :width]]


def noise(random: np.random.Generator, height: int, width: int) -> Words:
    return random.integers(0, 1 << 24, (height, width), WORD)


def encoded(pixels: Words, quality: int | None = None) -> list[TightRect]:
    return list(tight_rects(pixels, 0, 0, quality))


def decoded(rects: list[TightRect], pixels: Words) -> SimpleViewer:
    height, width = pixels.shape
    viewer = SimpleViewer(width, height)
    viewer.receive(framebuffer_update(len(rects), b"".join(each.payload for each in rects)))
    return viewer


def rgb(pixels: Words) -> bytes:
    height, width = pixels.shape
    return pixels.view(np.uint8).reshape(height, width, 4)[:, :, :3].tobytes()


def test_one_colour_is_a_fill() -> None:
    (rect,) = tight_rects(words([RED, RED], [RED, RED]), 3, 4, None)
    assert rect.payload == (
        b"\x00\x03\x00\x04\x00\x02\x00\x02\x00\x00\x00\x07"  # 2x2 at 3, 4, Tight
        b"\x80"  # fill
        b"\xff\x00\x00"  # R, G, B
    )
    assert rect == TightRect(Rect(3, 4, 2, 2), rect.payload, lossy=False)


def test_two_colours_are_a_bit_mask() -> None:
    (rect,) = encoded(words([RED, BLUE, BLUE], [RED, RED, BLUE]))
    assert rect.payload == rect_header(Rect(0, 0, 3, 2), 7) + (
        b"\x50"  # basic, a filter follows, stream 1
        b"\x01"  # palette filter
        b"\x01"  # two colours
        b"\xff\x00\x00\x00\x00\xff"  # red, blue
        b"\x60\x20"  # .BB, ..B: too short to be deflated, so without a length
    )


def test_few_colours_are_indexed() -> None:
    row = [RED] * 12 + [GREEN] * 6 + [BLUE] * 6
    (rect,) = encoded(words(row))
    head = b"\x52\x01\x02" + b"\xff\x00\x00" + b"\x00\xff\x00" + b"\x00\x00\xff"
    assert rect.payload[12:].startswith(head)
    length, deflated = rect.payload[12 + len(head)], rect.payload[13 + len(head) :]
    assert length == len(deflated)
    assert zlib.decompressobj().decompress(deflated) == bytes([0] * 12 + [1] * 6 + [2] * 6)


def test_many_colours_are_deflated() -> None:
    pixels = noise(np.random.default_rng(1), 20, 20)
    (rect,) = encoded(pixels)
    assert rect.payload[12] == BASIC
    # 1200 bytes of noise do not shrink: the length takes two bytes, the lowest seven bits first.
    length = (rect.payload[13] & 0x7F) | rect.payload[14] << 7
    assert length == len(rect.payload) - 15
    assert zlib.decompressobj().decompress(rect.payload[15:]) == rgb(pixels)


def test_less_than_twelve_bytes_are_not_deflated() -> None:
    # Three pixels of three colours are nine bytes; the palette would be longer.
    (rect,) = encoded(words([RED, GREEN, BLUE]))
    assert rect.payload[12:] == b"\x00" + b"\xff\x00\x00\x00\xff\x00\x00\x00\xff"


def test_twelve_bytes_are_deflated() -> None:
    (rect,) = encoded(words([RED, GREEN], [BLUE, 0xFFFFFF]))
    assert rect.payload[12] == BASIC
    assert rect.payload[13] == len(rect.payload) - 14
    pixels = b"\xff\x00\x00\x00\xff\x00\x00\x00\xff\xff\xff\xff"
    assert zlib.decompressobj().decompress(rect.payload[14:]) == pixels


def test_lengths_of_three_bytes_are_understood() -> None:
    pixels = noise(np.random.default_rng(1), 200, 200)
    (rect,) = encoded(pixels)
    assert 1 << 14 < len(rect.payload)
    assert decoded([rect], pixels).pixels() == rgb(pixels)


def test_a_photo_is_a_jpeg_where_loss_is_allowed() -> None:
    pixels = noise(np.random.default_rng(1), 64, 64)
    (rect,) = encoded(pixels, quality=6)
    assert rect.lossy
    assert rect.payload[12] == JPEG
    assert len(rect.payload) < 3 * 64 * 64


def test_a_photo_is_exact_where_it_is_not() -> None:
    pixels = noise(np.random.default_rng(1), 64, 64)
    rects = encoded(pixels)
    assert not any(each.lossy for each in rects)
    assert decoded(rects, pixels).pixels() == rgb(pixels)


def test_a_better_quality_takes_more_bytes() -> None:
    pixels = noise(np.random.default_rng(1), 128, 128)
    sizes = [len(encoded(pixels, quality=level)[0].payload) for level in range(10)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[9]


@pytest.mark.parametrize("colours", [2, 16, 90, 200])
def test_text_is_never_a_jpeg(colours: int) -> None:
    pixels = runs(np.random.default_rng(1), 200, 300, colours)
    rects = encoded(pixels, quality=6)
    assert not any(each.lossy for each in rects)
    assert decoded(rects, pixels).pixels() == rgb(pixels)


def test_a_dithered_screen_is_never_a_jpeg() -> None:
    # Every pixel differs from its neighbour, but there are two colours.
    pixels = np.where(np.indices((128, 128)).sum(axis=0) % 2, RED, BLUE).astype(WORD)
    (rect,) = encoded(pixels, quality=6)
    assert rect.payload[12] == PALETTE


def test_a_photo_in_a_text_spoils_neither() -> None:
    random = np.random.default_rng(1)
    pixels = runs(random, 256, 512, 2)
    pixels[64:192, 128:256] = noise(random, 128, 128)
    rects = encoded(pixels, quality=6)
    assert [each.rect for each in rects if each.lossy] == [Rect(128, 64, 128, 128)]
    assert [each.payload[12] for each in rects if not each.lossy] == [PALETTE] * 4
    viewer = decoded(rects, pixels)
    assert viewer.image.crop((0, 0, 512, 64)).tobytes() == rgb(pixels[:64])


def test_no_rect_is_wider_than_tight_allows() -> None:
    pixels = runs(np.random.default_rng(1), 300, 5000, 16)
    rects = encoded(pixels)
    assert max(each.rect.width for each in rects) <= 2048
    assert decoded(rects, pixels).pixels() == rgb(pixels)


def test_what_an_encoder_says_is_understood_whatever_came_before() -> None:
    random = np.random.default_rng(1)
    viewer = SimpleViewer(1000, 600)
    for _ in range(3):
        pixels = np.vstack([runs(random, 300, 1000, 16), noise(random, 300, 1000)])
        rects = encoded(pixels)
        assert 3 <= len(rects)
        viewer.receive(framebuffer_update(len(rects), b"".join(each.payload for each in rects)))
        assert viewer.pixels() == rgb(pixels)


def test_no_rect_refers_to_what_was_said_before() -> None:
    stripe = noise(np.random.default_rng(1), 65, 1000)
    first, second = encoded(np.vstack([stripe, stripe]))
    assert first.payload[12] == BASIC
    assert first.payload[12:] == second.payload[12:]


def test_content_is_said_again_as_it_was() -> None:
    rect = Rect(1, 2, 8, 2)
    header = rect_header(rect, 7)
    fill = TightContent(b"\xff\x00\x00", b"")
    assert tight_rect(fill, rect) == header + b"\x80\xff\x00\x00"
    two = TightContent(b"\xff\x00\x00\x00\x00\xff", b"\xf0\x0f")
    assert tight_rect(two, rect) == header + b"\x50\x01\x01" + two.palette + two.data
    many = TightContent(bytes(range(9)), bytes([0, 1, 2, 0, 1, 2, 0, 1] * 2))
    said = tight_rect(many, rect)
    assert said[:12] == header
    assert said[12:24] == b"\x52\x01\x02" + many.palette
    assert said[24] == len(said) - 25
    assert zlib.decompressobj().decompress(said[25:]) == many.data


@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    colours=st.sampled_from([1, 2, 3, 16, 96, 97, 256]),
    photo=st.booleans(),
    quality=st.sampled_from([None, 6]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_there_arrives(
    *, height: int, width: int, colours: int, photo: bool, quality: int | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    pixels = noise(random, height, width) if photo else runs(random, height, width, colours)
    rects = encoded(pixels, quality)
    viewer = decoded(rects, pixels)
    covered = np.zeros((height, width), int)
    for each in rects:
        rect = each.rect
        covered[rect.y : rect.bottom, rect.x : rect.right] += 1
        if not each.lossy:
            box = (rect.x, rect.y, rect.right, rect.bottom)
            there = pixels[rect.y : rect.bottom, rect.x : rect.right]
            assert viewer.image.crop(box).tobytes() == rgb(np.ascontiguousarray(there))
    assert (covered == 1).all()
