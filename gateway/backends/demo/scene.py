"""A picture made of layers: knows what must be painted again when one of them changes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gateway.rfb.framebuffer import Framebuffer, Pixels
from gateway.rfb.operations import Write
from gateway.rfb.wire import Rect


@dataclass(eq=False)
class Layer:
    """Opaque pixels somewhere on the screen; `hidden` ones are not painted."""

    x: int
    y: int
    pixels: Pixels = field(repr=False)
    hidden: bool = False

    @property
    def rect(self) -> Rect:
        return Rect(self.x, self.y, int(self.pixels.shape[1]), int(self.pixels.shape[0]))

    def holds(self, x: int, y: int) -> bool:
        """Whether a point is on it."""
        rect = self.rect
        return not self.hidden and rect.x <= x < rect.right and rect.y <= y < rect.bottom


class Scene:
    """Layers, from the bottom up; the lowest covers the screen."""

    def __init__(self, framebuffer: Framebuffer, layers: list[Layer]) -> None:
        self.layers = layers
        self._framebuffer = framebuffer
        self._dirty: list[Rect] = []

    def change(
        self,
        layer: Layer,
        *,
        to: tuple[int, int] | None = None,
        pixels: Pixels | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Move a layer, give it other pixels, show or hide it; painted by the next `paint`."""
        before = layer.rect
        if to is not None:
            layer.x, layer.y = to
        if pixels is not None:
            layer.pixels = pixels
        if hidden is not None:
            layer.hidden = hidden
        self._dirty.append(_union(before, layer.rect))

    def paint(self) -> list[Write]:
        """Paint what changed since the last time."""
        screen = Rect(0, 0, self._framebuffer.width, self._framebuffer.height)
        rects = [_intersection(rect, screen) for rect in self._dirty]
        self._dirty = []
        writes = [Write(rect) for rect in dict.fromkeys(rects) if rect is not None]
        for write in writes:
            self._compose(write.rect)
        return writes

    def paint_all(self) -> list[Write]:
        """Paint everything."""
        self._dirty = [Rect(0, 0, self._framebuffer.width, self._framebuffer.height)]
        return self.paint()

    def _compose(self, rect: Rect) -> None:
        # Composed aside: an area never shows what is underneath for a moment.
        region = np.zeros((rect.height, rect.width, 4), np.uint8)
        for layer in self.layers:
            shared = None if layer.hidden else _intersection(layer.rect, rect)
            if shared is not None:
                region[_slices(shared, rect.x, rect.y)] = layer.pixels[
                    _slices(shared, layer.x, layer.y)
                ]
        self._framebuffer.view(rect)[:] = region


def _slices(rect: Rect, x: int, y: int) -> tuple[slice, slice]:
    """`rect` as an index into pixels whose corner is at (`x`, `y`)."""
    return slice(rect.y - y, rect.bottom - y), slice(rect.x - x, rect.right - x)


def _union(one: Rect, other: Rect) -> Rect:
    x, y = min(one.x, other.x), min(one.y, other.y)
    return Rect(x, y, max(one.right, other.right) - x, max(one.bottom, other.bottom) - y)


def _intersection(one: Rect, other: Rect) -> Rect | None:
    x, y = max(one.x, other.x), max(one.y, other.y)
    width, height = min(one.right, other.right) - x, min(one.bottom, other.bottom) - y
    return Rect(x, y, width, height) if 0 < width and 0 < height else None
