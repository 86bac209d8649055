"""A text screen's memory: letters, their colours, where the cursor is."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

COLUMNS: Final = 80
ROWS: Final = 25


class Ink(IntEnum):
    """The VGA palette's numbers for the colours that are used."""

    BLACK = 0
    GREY = 7
    RED = 9
    GREEN = 10
    YELLOW = 11
    BLUE = 12
    WHITE = 15


class Terminal:
    """80 x 25 letters that scroll up at the end, as a Linux console does."""

    def __init__(self) -> None:
        self.codes = np.full((ROWS, COLUMNS), ord(" "), np.uint8)  # Latin-1
        self.inks = np.full((ROWS, COLUMNS), Ink.GREY, np.uint8)
        self.row = 0
        self.column = 0
        self.scrolled = 0  # lines since whoever paints last set it to 0

    def write(self, text: str, ink: Ink = Ink.GREY) -> None:
        r"""Put letters at the cursor; \n begins a line, \b steps back, \f clears the screen."""
        for letter in text:
            match letter:
                case "\n":
                    self._next_line()
                case "\b":
                    self._step_back()
                case "\f":
                    self.clear()
                case _:
                    self._put(letter, ink)

    def clear(self) -> None:
        """Blank everything; the cursor goes home."""
        self.codes[:] = ord(" ")
        self.inks[:] = Ink.GREY
        self.row = self.column = 0

    def text(self) -> str:
        """What can be read, blank ends left out."""
        rows = (bytes(row).decode("latin-1").rstrip() for row in self.codes)
        return "\n".join(rows).rstrip("\n")

    def _put(self, letter: str, ink: Ink) -> None:
        if self.column == COLUMNS:
            self._next_line()
        code = ord(letter)
        self.codes[self.row, self.column] = code if 0x20 <= code < 0x100 else ord("?")
        self.inks[self.row, self.column] = ink
        self.column += 1

    def _step_back(self) -> None:
        if 0 < self.column:
            self.column -= 1
        elif 0 < self.row:
            self.row, self.column = self.row - 1, COLUMNS - 1

    def _next_line(self) -> None:
        self.column = 0
        if self.row < ROWS - 1:
            self.row += 1
            return
        self.codes[:-1], self.inks[:-1] = self.codes[1:].copy(), self.inks[1:].copy()
        self.codes[-1], self.inks[-1] = ord(" "), Ink.GREY
        self.scrolled += 1
