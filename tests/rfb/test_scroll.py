"""Scrolls of an upstream without CopyRect."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.rfb.encodings.words import WORD, Words
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.scroll import Scrolls, find_scroll
from gateway.rfb.wire import Rect

WIDTH, HEIGHT = 640, 400
WHOLE = Rect(0, 0, WIDTH, HEIGHT)


def text(seed: int) -> Words:
    """Lines of 8x16 glyphs, each with an empty row above and an empty column on the left."""
    random = np.random.default_rng(seed)
    glyphs = random.random((95, 16, 8)) < 0.3
    glyphs[:, 0] = glyphs[:, :, 0] = False
    cells = glyphs[random.integers(0, 95, (HEIGHT // 16, WIDTH // 8))]
    return (cells.transpose(0, 2, 1, 3).reshape(HEIGHT, WIDTH) * 0xAAAAAA).astype(WORD)


@pytest.mark.parametrize("lines", [1, 3, -2])
def test_a_text_that_moves_is_a_copy(lines: int) -> None:
    before, after = text(1), text(2)
    rows = 16 * abs(lines)
    if 0 < lines:
        after[:-rows] = before[rows:]
        expected = Copy(Rect(0, 0, WIDTH, HEIGHT - rows), 0, rows)
    else:
        after[rows:] = before[:-rows]
        expected = Copy(Rect(0, rows, WIDTH, HEIGHT - rows), 0, 0)
    found = find_scroll(before, after, WHOLE)
    assert found is not None
    assert found.source_y - found.rect.y == expected.source_y - expected.rect.y
    # The empty row beside the new lines may be counted in.
    assert found.rect.height - expected.rect.height in (0, 1)


def test_a_status_line_stays_where_it_is() -> None:
    before, after = text(1), text(1)
    after[:-32] = before[16:-16]
    found = find_scroll(before, after, WHOLE)
    assert found is not None
    assert found.rect.bottom <= HEIGHT - 16


def test_other_text_is_no_scroll() -> None:
    assert find_scroll(text(1), text(2), WHOLE) is None


def test_nothing_new_is_no_scroll() -> None:
    assert find_scroll(text(1), text(1), WHOLE) is None


def test_an_empty_screen_is_no_scroll() -> None:
    assert find_scroll(np.zeros((HEIGHT, WIDTH), WORD), text(1), WHOLE) is None


def told(scrolls: Scrolls, pixels: Words, *rects: Rect) -> list[Operation]:
    return scrolls.told([Write(each) for each in rects or (WHOLE,)], pixels)


def after(done: list[Operation], before: Words, pixels: Words) -> Words:
    """What a viewer holds that had `before`."""
    shown = before.copy()
    for each in done:
        source = each.source if isinstance(each, Copy) else each.rect
        taken = shown if isinstance(each, Copy) else pixels
        view(shown, each.rect)[:] = view(taken, source).copy()
    return shown


def view(words: Words, rect: Rect) -> Words:
    return words[rect.y : rect.bottom, rect.x : rect.right]


def test_a_scroll_told_in_many_small_writes_is_found() -> None:
    before, pixels = text(1), text(2)
    pixels[:-16] = before[16:]
    scrolls = Scrolls()
    told(scrolls, before)
    cells = [Rect(x, y, 16, 16) for y in range(0, HEIGHT, 16) for x in range(0, WIDTH, 16)]
    done = told(scrolls, pixels, *cells)
    assert isinstance(done[0], Copy)
    assert sum(each.rect.area for each in done[1:]) <= 16 * WIDTH
    assert np.array_equal(after(done, before, pixels), pixels)


def test_what_was_painted_between_two_scrolls_is_known() -> None:
    first, second = text(1), text(1)
    scrolls = Scrolls()
    told(scrolls, first)
    second[40:48, 100:140] = 0x123456
    assert told(scrolls, second, Rect(100, 40, 40, 8)) == [Write(Rect(100, 40, 40, 8))]
    third = text(2)
    third[:-16] = second[16:]
    done = told(scrolls, third)
    assert isinstance(done[0], Copy)
    assert np.array_equal(after(done, second, third), third)


def test_a_copy_that_the_upstream_said_is_left_alone() -> None:
    scrolls, before = Scrolls(), text(1)
    told(scrolls, before)
    pixels = text(2)
    pixels[:-16] = before[16:]
    done: list[Operation] = [
        Copy(Rect(0, 0, WIDTH, HEIGHT - 16), 0, 16),
        Write(Rect(0, HEIGHT - 16, WIDTH, 16)),
    ]
    assert scrolls.told(done, pixels) == done
    # ... and what it did is known.
    later = text(3)
    later[:-16] = pixels[16:]
    again = told(scrolls, later)
    assert isinstance(again[0], Copy)
    assert np.array_equal(after(again, pixels, later), later)


def test_what_was_forgotten_is_not_copied() -> None:
    scrolls, before = Scrolls(), text(1)
    told(scrolls, before)
    scrolls.forget()
    pixels = text(2)
    pixels[:-16] = before[16:]
    assert told(scrolls, pixels) == [Write(WHOLE)]


def test_a_small_painting_takes_no_memory() -> None:
    scrolls = Scrolls()
    told(scrolls, text(1), Rect(0, 0, 64, 64))
    assert scrolls._before is None


def test_the_widest_screen_has_weights_enough() -> None:
    framebuffer = Framebuffer(16_384, 64)
    before = framebuffer.pixels.view(WORD)[:, :, 0]
    assert find_scroll(before, before.copy(), Rect(0, 0, 16_384, 64)) is None
