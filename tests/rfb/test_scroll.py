"""Scrolls of an upstream without CopyRect."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.rfb.encodings.words import WORD, Words
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.replay import replayed
from gateway.rfb.scroll import find_scroll
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


def test_a_scroll_told_in_many_small_writes_is_found() -> None:
    shown, upstream = text(1), text(2)
    upstream[:-16] = shown[16:]
    asked: list[Operation] = [
        Write(Rect(x, y, 16, 16)) for y in range(0, HEIGHT, 16) for x in range(0, WIDTH, 16)
    ]
    done = replayed(asked, shown, upstream)
    assert isinstance(done[0], Copy)
    assert sum(each.rect.area for each in done[1:]) <= 16 * WIDTH
    assert np.array_equal(shown, upstream)


def test_the_widest_screen_has_weights_enough() -> None:
    framebuffer = Framebuffer(16_384, 64)
    before = framebuffer.pixels.view(WORD)[:, :, 0]
    assert find_scroll(before, before.copy(), Rect(0, 0, 16_384, 64)) is None
