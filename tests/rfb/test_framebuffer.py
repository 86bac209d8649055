"""The framebuffer: copies within it, whichever way they overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RfbError
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.wire import Rect

WIDTH, HEIGHT = 40, 30


@st.composite
def copies(draw: st.DrawFn) -> tuple[Rect, int, int]:
    """A rect and where it comes from; whole rows are as usual as any."""
    width = draw(st.one_of(st.just(WIDTH), st.integers(1, WIDTH)))
    height = draw(st.integers(1, HEIGHT))
    x, source_x = (draw(st.integers(0, WIDTH - width)) for _ in range(2))
    y, source_y = (draw(st.integers(0, HEIGHT - height)) for _ in range(2))
    return Rect(x, y, width, height), source_x, source_y


@given(copies())
def test_a_copy_reads_before_it_paints(copy: tuple[Rect, int, int]) -> None:
    rect, source_x, source_y = copy
    framebuffer = Framebuffer(WIDTH, HEIGHT)
    framebuffer.pixels[:] = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 4))
    expected = framebuffer.pixels.copy()
    source = expected[source_y : source_y + rect.height, source_x : source_x + rect.width]
    expected[rect.y : rect.bottom, rect.x : rect.right] = source.copy()
    framebuffer.copy(rect, source_x, source_y)
    assert np.array_equal(framebuffer.pixels, expected)


@pytest.mark.parametrize(
    ("rect", "source_x", "source_y"),
    [
        (Rect(0, 0, WIDTH, 10), 0, HEIGHT - 9),
        (Rect(0, HEIGHT - 9, WIDTH, 10), 0, 0),
        (Rect(0, 0, 10, 10), WIDTH - 9, 0),
        (Rect(WIDTH - 9, 0, 10, 10), 0, 0),
    ],
)
def test_a_copy_that_reaches_outside_is_refused(rect: Rect, source_x: int, source_y: int) -> None:
    with pytest.raises(RfbError, match="reaches outside"):
        Framebuffer(WIDTH, HEIGHT).copy(rect, source_x, source_y)
