"""What a program on a demo terminal asks for: a pause, a line of input, another video mode.

A program is a generator: it writes to its `Terminal`, yields one of these and is resumed when that
is done. So a login and a shell read from the top, and need neither tasks nor threads.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from gateway.backends.demo.fonts import Font


@dataclass(frozen=True, slots=True)
class Pause:
    """Time passes. Ctrl+C ends it, with `Interrupted`, where it is `interruptible`."""

    seconds: float
    interruptible: bool = False


@dataclass(frozen=True, slots=True)
class ReadLine:
    """The next line that is typed. Raises in the program: Interrupted, EndOfInput, Attention."""

    echo: bool = True


@dataclass(frozen=True, slots=True)
class SetFont:
    """Another text mode; the screen changes its size and is cleared."""

    font: Font


class Interrupted(Exception):
    """Ctrl+C."""


class Attention(Exception):
    """Ctrl+Alt+Del, on a machine that does not restart for it."""


class EndOfInput(Exception):
    """Ctrl+D on an empty line."""


class Reboot(Exception):
    """The program asks for a reboot."""


Request = Pause | ReadLine | SetFont
Program = Generator[Request, str, None]
