"""A demo VM with a text console: runs a program, feeds it keys, paints what it writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.backends.demo import fonts
from gateway.backends.demo.keyboard import (
    BACKSPACE,
    DOWN,
    END_OF_INPUT,
    ENTER,
    INTERRUPT,
    KILL_LINE,
    SECURE_ATTENTION,
    UP,
    Keyboard,
)
from gateway.backends.demo.machine import DemoMachine
from gateway.backends.demo.program import (
    Attention,
    EndOfInput,
    Interrupted,
    Pause,
    Program,
    ReadLine,
    Reboot,
    Request,
    SetFont,
)
from gateway.backends.demo.terminal import Terminal
from gateway.backends.demo.text_screen import TextScreen

_BLINK: Final = 0.5
_MAX_LINE: Final = 200
_MAX_TYPED_AHEAD: Final = 256
_MAX_HISTORY: Final = 20

Boot = Callable[["TextMachine"], Program]


class TextMachine(DemoMachine):
    """A machine whose screen is a terminal."""

    def __init__(self, name: str, users: dict[str, str], boot: Boot, *, pace: float = 1.0) -> None:
        """`boot` runs from switching on, and again when it ends.

        `pace` stretches every pause; 0 leaves them out.
        """
        super().__init__(name, users)
        self.terminal = Terminal()
        self._boot = boot
        self._pace = pace
        self._keyboard = Keyboard()
        self._screen = TextScreen(self.framebuffer, fonts.small())
        self._cursor_on = True
        self._begin()

    # DemoMachine

    def key(self, keysym: int, *, down: bool) -> None:
        typed = self._keyboard.press(keysym, down=down)
        if typed == SECURE_ATTENTION:
            self._secure_attention()
        elif typed is not None and self.powered:
            self._typed(typed)
        self._refresh()

    def _started(self) -> None:
        self._restart()

    def _watched(self) -> None:
        if not self._has_timer("blink"):
            self._later("blink", _BLINK, self._blink)

    # the program

    def _begin(self) -> None:
        self._program: Program = self._boot(self)
        self._waiting: Request | None = None
        self._line = ""
        self._typed_ahead: list[str] = []
        self._history: list[str] = []
        self._recalled = 0

    def _secure_attention(self) -> None:
        """Ctrl+Alt+Del."""
        self._restart()

    def _restart(self) -> None:
        if self.powered:
            self._stop_timer("pause")
            self._begin()
            self._resume(lambda: next(self._program))

    def _resume(self, step: Callable[[], Request]) -> None:
        """Run the program up to its next request."""
        while True:
            try:
                self._waiting = step()
            except (StopIteration, Reboot, Interrupted, EndOfInput, Attention):
                self._begin()
                step = self._next
                continue
            match self._waiting:
                case SetFont(font):
                    self._change_font(font)
                case Pause(seconds) if 0 < seconds * self._pace:
                    self._later("pause", seconds * self._pace, self._go_on)
                    break
                case ReadLine():
                    self._take_typed_ahead()
                    break
                case Pause():
                    pass
            step = self._next
        self._refresh()

    def _next(self) -> Request:
        return next(self._program)

    def _go_on(self) -> None:
        self._resume(self._next)

    def _throw(self, error: Exception) -> None:
        self._stop_timer("pause")
        self._line = ""
        self._resume(lambda: self._program.throw(error))

    # its input

    def _typed(self, typed: str) -> None:
        match self._waiting:
            case ReadLine(echo):
                self._edit(typed, echo=echo)
            case Pause(interruptible=True) if typed == INTERRUPT:
                self._throw(Interrupted())
            case _:
                self._typed_ahead = [*self._typed_ahead, typed][:_MAX_TYPED_AHEAD]

    def _take_typed_ahead(self) -> None:
        if self._typed_ahead:
            self._later("typed ahead", 0, self._type_ahead)

    def _type_ahead(self) -> None:
        while self._typed_ahead and isinstance(self._waiting, ReadLine):
            self._edit(self._typed_ahead.pop(0), echo=self._waiting.echo)
        self._refresh()

    def _edit(self, typed: str, *, echo: bool) -> None:
        match typed:
            case _ if typed == ENTER:
                self._enter(echo=echo)
            case _ if typed == INTERRUPT:
                self.terminal.write("^C\n")
                self._throw(Interrupted())
            case _ if typed == END_OF_INPUT:
                if not self._line:
                    self._throw(EndOfInput())
            case _ if typed == BACKSPACE:
                self._replace(self._line[:-1], echo=echo)
            case _ if typed == KILL_LINE:
                self._replace("", echo=echo)
            case _ if typed in (UP, DOWN):
                self._recall(-1 if typed == UP else 1, echo=echo)
            case _ if len(typed) == 1 and typed.isprintable() and len(self._line) < _MAX_LINE:
                self._line += typed
                self.terminal.write(typed if echo else "")

    def _enter(self, *, echo: bool) -> None:
        line, self._line = self._line, ""
        if echo and line.strip():
            self._history = [*self._history, line][-_MAX_HISTORY:]
        self._recalled = len(self._history)
        self.terminal.write("\n")
        self._resume(lambda: self._program.send(line))

    def _recall(self, step: int, *, echo: bool) -> None:
        if echo and 0 <= self._recalled + step <= len(self._history):
            self._recalled += step
            self._replace([*self._history, ""][self._recalled], echo=True)

    def _replace(self, line: str, *, echo: bool) -> None:
        if echo:
            self.terminal.write("\b \b" * len(self._line) + line)
        self._line = line

    # its screen

    def _change_font(self, font: fonts.Font) -> None:
        self.terminal.clear()
        before = (self.framebuffer.width, self.framebuffer.height)
        self._screen = TextScreen(self.framebuffer, font)
        if self._screen.size != before:
            self._screen.refresh(self.terminal, cursor=self._cursor_on)
            self._resized()

    def _blink(self) -> None:
        self._cursor_on = not self._cursor_on or not self.is_watched
        self._painted(self._screen.refresh(self.terminal, cursor=self._cursor_on))
        if self.is_watched:
            self._later("blink", _BLINK, self._blink)

    def _refresh(self) -> None:
        """Paint now; a cursor that moves is shown, and blinks from then on."""
        self._cursor_on = True
        self._painted(self._screen.refresh(self.terminal, cursor=True))
