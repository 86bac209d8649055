"""A page of text that was cut in pieces is told in one, and shows the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rfb.encodings.palette import paint_packed
from gateway.rfb.encodings.tight_content import TightContent
from gateway.rfb.encodings.words import WORD, Words, words_of_rgb
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.pages import in_one_piece
from gateway.rfb.wire import Rect

WIDTH, HEIGHT = 120, 200
BLACK, GREY, RED = b"\0\0\0", b"\xaa\xaa\xaa", b"\xff\0\0"


def text(rect: Rect, seed: int = 0, palette: bytes = BLACK + GREY) -> Write:
    """Noise, in the bits beyond the last column too."""
    row = (rect.width + 7) // 8
    return Write(rect, content=TightContent(palette, noise(row * rect.height, seed)))


def noise(size: int, seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8).tobytes()


def blank(rect: Rect, colour: bytes = BLACK) -> Write:
    return Write(rect, content=TightContent(colour, b""))


def shown(operations: list[Operation]) -> Words:
    """What whoever is told nothing but contents ends with."""
    screen = np.full((HEIGHT, WIDTH), 0x123456, WORD)
    for each in operations:
        assert isinstance(each, Write)
        assert each.content is not None
        into = screen[each.rect.y : each.rect.bottom, each.rect.x : each.rect.right]
        palette = words_of_rgb(each.content.palette)
        if each.content.data:
            paint_packed(each.content.data, 1, palette, into)
        else:
            into[...] = palette[0]
    return screen


def told(operations: list[Operation]) -> list[Operation]:
    return list(in_one_piece(operations, WIDTH, HEIGHT))


def lines(ends: list[int], x: int = 0, width: int = WIDTH) -> list[Operation]:
    """Lines of text, each up to its own end; what is behind it is blank."""
    page: list[Operation] = []
    for at, end in enumerate(ends):
        if end:
            page.append(text(Rect(x, 16 * at, end, 16), at))
        if end < width:
            page.append(blank(Rect(x + end, 16 * at, width - end, 16)))
    return page


@given(ends=st.lists(st.integers(0, 100), min_size=5, max_size=12), x=st.integers(0, 20))
@settings(deadline=None)
def test_lines_of_any_length_are_one_page(ends: list[int], x: int) -> None:
    page = lines([1, 99, *ends][:12], x, 100)
    (whole,) = told(page)
    assert whole.rect == Rect(x, 0, 100, 16 * min(12, len(ends) + 2))
    assert (shown([whole]) == shown(page)).all()


def test_text_that_begins_anywhere_is_put_in_its_place() -> None:
    page: list[Operation] = []
    for at in range(8):
        left = 3 * at + 1
        page += [
            blank(Rect(0, 9 * at, left, 9)),
            text(Rect(left, 9 * at, 50, 9), at),
            text(Rect(left + 50, 9 * at, 70 - left, 9), at + 50),
        ]
    (whole,) = told(page)
    assert (shown([whole]) == shown(page)).all()


def test_whole_lines_are_joined_in_their_order() -> None:
    page = lines([WIDTH] * 5 + [0] + [WIDTH] * 4)
    (whole,) = told(page[::-1])
    assert (shown([whole]) == shown(page)).all()


def test_what_stands_beside_the_page_stays_as_it_was_said() -> None:
    clock = text(Rect(0, 180, 60, 16), 9, BLACK + RED)
    page = lines([60] * 10)
    assert told([*page[:5], clock, *page[5:]])[0] == clock
    assert (shown(told([*page, clock])) == shown([*page, clock])).all()


@pytest.mark.parametrize(
    "more",
    [
        [Copy(Rect(0, 180, 8, 8), 0, 0)],  # which may have read what was there before
        [text(Rect(10, 10, 20, 20), 7)],  # over others
        [text(Rect(10, 10, 20, 20), 7, BLACK + RED)],  # in another colour
        [blank(Rect(10, 10, 20, 20), GREY)],
        [Write(Rect(10, 10, 20, 20))],  # of which the pixels alone are known
        [text(Rect(0, 190, 20, 10), 7)],  # so that there is a gap
        [blank(Rect(0, 160, 200, 16))],  # outside
    ],
)
def test_what_is_no_page_is_told_as_it_was_said(more: list[Operation]) -> None:
    said = [*lines([60] * 10), *more]
    assert told(said) == said
    assert told(more + said) == more + said


def test_few_pieces_are_told_as_they_were_said() -> None:
    said = lines([60] * 3)
    assert told(said) == said


def test_pieces_that_overlap_by_as_much_as_they_leave_out_are_no_page() -> None:
    said = lines([60] * 10)
    said[0] = text(Rect(0, 16, 60, 16), 3)
    assert told(said) == said


def test_a_page_too_wide_for_tight_is_told_as_it_was_said() -> None:
    said: list[Operation] = [blank(Rect(0, at, 2049, 1)) for at in range(8)]
    said[0] = text(Rect(0, 0, 2049, 1))
    assert list(in_one_piece(said, 4000, 100)) == said


def test_a_blank_of_the_text_s_colour_is_no_part_of_a_page() -> None:
    said = lines([60] * 10)
    said[1] = blank(Rect(60, 0, 60, 16), GREY)
    assert told(said) == said


def test_a_page_that_reaches_outside_is_told_as_it_was_said() -> None:
    said = lines([60] * 10)
    assert list(in_one_piece(said, WIDTH - 1, HEIGHT)) == said
    assert list(in_one_piece(said, WIDTH, 159)) == said
