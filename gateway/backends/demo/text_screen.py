"""Paints a terminal into a framebuffer: only the letters that changed, and scrolls as copies."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.backends.demo.fonts import Font
from gateway.backends.demo.terminal import COLUMNS, ROWS, Terminal
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Operation, Write
from gateway.rfb.wire import Rect

Cells = npt.NDArray[np.uint16]

# VGA's sixteen colours, as text mode has them.
_PALETTE: Final = np.array(
    [
        (0, 0, 0, 0), (0, 0, 170, 0), (0, 170, 0, 0), (0, 170, 170, 0),
        (170, 0, 0, 0), (170, 0, 170, 0), (170, 85, 0, 0), (170, 170, 170, 0),
        (85, 85, 85, 0), (255, 85, 85, 0), (85, 255, 85, 0), (255, 255, 85, 0),
        (85, 85, 255, 0), (255, 85, 255, 0), (85, 255, 255, 0), (255, 255, 255, 0),
    ],
    np.uint8,
)  # fmt: skip
_CURSOR_ROWS: Final = 3
_CURSOR: Final = 0x8000  # the bit of a cell that bears the cursor
_UNKNOWN: Final = 0x4000  # a cell whose pixels are not known


class TextScreen:
    """What was painted last, so that `refresh` paints the difference."""

    def __init__(self, framebuffer: Framebuffer, font: Font) -> None:
        """`framebuffer` takes the size that 80 x 25 letters of `font` need."""
        self._framebuffer = framebuffer
        self._font = font
        if (framebuffer.width, framebuffer.height) != self.size:
            framebuffer.resize(*self.size)
        self._shown: Cells = np.full((ROWS, COLUMNS), _UNKNOWN, np.uint16)

    @property
    def size(self) -> tuple[int, int]:
        return COLUMNS * self._font.width, ROWS * self._font.height

    def refresh(self, terminal: Terminal, *, cursor: bool) -> list[Operation]:
        """Paint what differs from the last time; the operations, copies first."""
        operations = self._scroll(terminal)
        wanted: Cells = terminal.codes.astype(np.uint16)
        wanted |= terminal.inks.astype(np.uint16) << 8
        if cursor:
            wanted[terminal.row, min(terminal.column, COLUMNS - 1)] |= _CURSOR
        differs = wanted != self._shown
        for row in np.flatnonzero(differs.any(axis=1)):
            columns = np.flatnonzero(differs[row])
            first, last = int(columns[0]), int(columns[-1])
            operations.append(self._paint(int(row), first, wanted[row, first : last + 1]))
        self._shown = wanted
        return operations

    def _scroll(self, terminal: Terminal) -> list[Operation]:
        lines, terminal.scrolled = terminal.scrolled, 0
        if lines == 0 or ROWS <= lines:
            return []
        height = self._font.height
        copied = Rect(0, 0, self._framebuffer.width, (ROWS - lines) * height)
        self._framebuffer.copy(copied, 0, lines * height)
        self._shown[:-lines] = self._shown[lines:].copy()
        self._shown[-lines:] = _UNKNOWN
        return [Copy(copied, 0, lines * height)]

    def _paint(self, row: int, column: int, cells: Cells) -> Write:
        font = self._font
        rect = Rect(column * font.width, row * font.height, len(cells) * font.width, font.height)
        ink = _PALETTE[(cells >> 8) & 0xF].repeat(font.width, axis=0)
        mask = font.line((cells & 0xFF).astype(np.uint8))
        pixels = mask[..., None] * ink[None]
        for index in np.flatnonzero(cells & _CURSOR):
            cell = slice(int(index) * font.width, (int(index) + 1) * font.width)
            pixels[-_CURSOR_ROWS:, cell] = _PALETTE[7]
        self._framebuffer.view(rect)[:] = pixels
        return Write(rect)
