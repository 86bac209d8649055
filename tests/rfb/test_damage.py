"""Where pixels differ, and which tiles are owed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rfb.damage import TILE, changed_rects, grid_size, inner_tiles, tile_rects, tiles_of
from gateway.rfb.encodings.words import WORD
from gateway.rfb.wire import Rect


def test_a_grid_covers_what_its_last_tiles_reach_beyond() -> None:
    assert grid_size(2 * TILE, 2 * TILE + 1) == (3, 2)


def test_a_rect_touches_the_tiles_under_it() -> None:
    assert tiles_of(Rect(TILE - 1, TILE, 2, 1)) == (slice(1, 2), slice(0, 2))


def test_a_rect_covers_only_whole_tiles() -> None:
    inner = inner_tiles(Rect(1, 0, 3 * TILE, TILE), 10 * TILE, 10 * TILE)
    assert inner == (slice(0, 1), slice(1, 3))


def test_a_tile_cut_by_the_edge_is_whole() -> None:
    inner = inner_tiles(Rect(TILE, TILE, 5, 5), TILE + 5, TILE + 5)
    assert inner == (slice(1, 2), slice(1, 2))


def test_equal_runs_below_each_other_are_one_rect() -> None:
    tiles = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], np.bool_)
    bounds = Rect(0, 0, 3 * TILE - 4, 3 * TILE)
    assert tile_rects(tiles, bounds) == [
        Rect(0, 0, 2 * TILE, 2 * TILE),
        Rect(2 * TILE, 2 * TILE, TILE - 4, TILE),
    ]


def test_a_small_change_is_one_tight_rect() -> None:
    before = np.zeros((100, 100), WORD)
    after = before.copy()
    after[10:12, 20] = after[14, 30] = 1
    assert changed_rects(before, after, 1000, 500) == [Rect(1020, 510, 11, 5)]


def test_changes_far_apart_are_rects_of_their_own() -> None:
    before = np.zeros((500, 500), WORD)
    after = before.copy()
    after[0, 0] = after[499, 499] = 1
    assert len(changed_rects(before, after, 0, 0)) == 2


@given(
    height=st.integers(1, 200),
    width=st.integers(1, 200),
    dots=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 199)), max_size=20),
)
@settings(deadline=None)
def test_every_change_is_in_exactly_one_rect(
    height: int, width: int, dots: list[tuple[int, int]]
) -> None:
    before = np.zeros((height, width), WORD)
    after = before.copy()
    for y, x in dots:
        after[y % height, x % width] = 1
    covered = np.zeros((height, width), int)
    for rect in changed_rects(before, after, 0, 0):
        assert rect.inside(width, height)
        covered[rect.y : rect.bottom, rect.x : rect.right] += 1
    assert (covered <= 1).all()
    assert (covered[before != after] == 1).all()
