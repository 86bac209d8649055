"""The demo's desktop is composed of layers; none leaves a trace where it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backends.demo.pictures import blank
from gateway.backends.demo.scene import Layer, Scene
from gateway.rfb.framebuffer import Framebuffer

WIDTH, HEIGHT = 40, 30
PLACES = st.tuples(st.integers(-8, WIDTH), st.integers(-8, HEIGHT))
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("to"), PLACES),
        st.tuples(st.just("hidden"), st.booleans()),
        st.tuples(st.just("pixels"), st.integers(1, 9)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), CHANGES), max_size=4))
def test_painting_what_changed_equals_painting_everything(
    steps: list[tuple[int, list[tuple[str, Any]]]],
) -> None:
    framebuffer = Framebuffer(WIDTH, HEIGHT)
    movable = [Layer(3, 3, blank(9, 7, (200, 0, 0))), Layer(20, 9, blank(8, 8, (0, 200, 0)))]
    scene = Scene(framebuffer, [Layer(0, 0, blank(WIDTH, HEIGHT, (9, 9, 9))), *movable])
    mirror = Framebuffer(WIDTH, HEIGHT)
    for write in scene.paint_all():
        mirror.view(write.rect)[:] = framebuffer.view(write.rect)
    for which, changes in steps:
        for name, value in changes:
            change: dict[str, Any] = {name: value}
            if name == "pixels":
                change = {name: blank(value, 10 - value, (value, 9, 99))}
            scene.change(movable[which], **change)
        for write in scene.paint():
            mirror.view(write.rect)[:] = framebuffer.view(write.rect)
        scene.paint_all()
        assert np.array_equal(mirror.pixels, framebuffer.pixels)
