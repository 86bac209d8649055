"""A demo VM with a desktop: things move, a pointer has its shape, clicks and keys do something."""

from __future__ import annotations

import asyncio
import hmac
from datetime import UTC, datetime
from typing import Final

from gateway.backends.demo import pictures
from gateway.backends.demo.keyboard import BACKSPACE, ENTER, SECURE_ATTENTION, Keyboard
from gateway.backends.demo.machine import DemoMachine
from gateway.backends.demo.scene import Layer, Scene
from gateway.rfb.framebuffer import Framebuffer, Pixels

WIDTH: Final = 1024
HEIGHT: Final = 640
_FRAME: Final = 1 / 12
_BAR_HEIGHT: Final = 24
_VIDEO: Final = (240, 150)
_VISITOR: Final = (190, 96)
_NOTES: Final = (330, 220)
_NOTES_LINES: Final = 9
_NOTES_COLUMNS: Final = 38
_MAX_MARKS: Final = 8
_COLOURS: Final = ((196, 70, 58), (58, 110, 196), (60, 140, 90), (130, 80, 170))
_BAR_COLOUR: Final = (20, 26, 36)
_LOCKED: Final = (14, 20, 30)


class DesktopMachine(DemoMachine):
    """Moves only while somebody watches, by the clock: who comes later sees what is due then."""

    os = "windows"

    def __init__(self, name: str, users: dict[str, str]) -> None:
        super().__init__(name, users)
        self.framebuffer = Framebuffer(WIDTH, HEIGHT)
        self._keyboard = Keyboard()
        self._buttons = 0
        self.notes = [""]
        self.clicks = 0
        self.locked = False
        self._secret = ""
        self._build()

    # DemoMachine

    def key(self, keysym: int, *, down: bool) -> None:
        typed = self._keyboard.press(keysym, down=down)
        if typed == SECURE_ATTENTION:
            self._lock()
        elif typed is not None and self.locked:
            self._type_secret(typed)
        elif typed is not None:
            self._type_note(typed)
        self._painted(self._scene.paint())

    def pointer(self, x: int, y: int, buttons: int) -> None:
        pressed = buttons & ~self._buttons & 1
        self._buttons = buttons
        over_notes = self._notes.holds(x, y) and not self.locked
        self._shape(pictures.beam() if over_notes else pictures.arrow())
        if pressed and not self.locked:
            self._click(x, y)
        self._painted(self._scene.paint())

    def _started(self) -> None:
        self.notes, self.clicks, self.locked = [""], 0, False
        self._build()
        self._shape(pictures.arrow())
        self._tick()

    def _watched(self) -> None:
        if self.powered and not self._has_timer("frame"):
            self._tick()

    @property
    def visitor_at(self) -> tuple[int, int]:
        """Where the moving window's corner is."""
        return self._visitor.x, self._visitor.y

    # the picture

    def _build(self) -> None:
        self._video = Layer(40, 330, pictures.plasma(*_VIDEO, 0.0))
        self._notes = Layer(450, 60, self._draw_notes())
        self._visitor = Layer(500, 330, self._draw_visitor())
        self._clock = Layer(WIDTH - 180, 0, self._draw_clock())
        self._lock_screen = Layer(0, 0, self._draw_lock(), hidden=True)
        self._marks: list[Layer] = []
        bar = pictures.blank(WIDTH, _BAR_HEIGHT, _BAR_COLOUR)
        hint = f"{self.name}   click, type, press Ctrl+Alt+Del"
        pictures.put_text(bar, (12, 4), hint, (220, 226, 235), _BAR_COLOUR)
        self._scene = Scene(
            self.framebuffer,
            [
                Layer(0, 0, pictures.wallpaper(WIDTH, HEIGHT)),
                Layer(40, 60, pictures.photograph(380, 240)),
                self._video, self._notes, self._visitor,
                Layer(0, 0, bar), self._clock, self._lock_screen,
            ],
        )  # fmt: skip
        self._scene.paint_all()

    def _tick(self) -> None:
        seconds = asyncio.get_running_loop().time()
        self._scene.change(self._video, pixels=pictures.plasma(*_VIDEO, seconds))
        self._scene.change(self._visitor, to=_bounce(seconds))
        clock = self._draw_clock()
        if clock.tobytes() != self._clock.pixels.tobytes():
            self._scene.change(self._clock, pixels=clock)
        writes = self._scene.paint()
        if not self.locked:
            self._painted(writes)
        if self.is_watched:
            self._later("frame", _FRAME, self._tick)

    def _draw_clock(self) -> Pixels:
        pixels = pictures.blank(180, _BAR_HEIGHT, _BAR_COLOUR)
        text = f"{datetime.now(UTC):%a %H:%M:%S} UTC"
        pictures.put_text(pixels, (20, 4), text, (255, 255, 255), _BAR_COLOUR)
        return pixels

    def _draw_notes(self) -> Pixels:
        lines = [*self.notes[-_NOTES_LINES:-1], self.notes[-1] + "_"]
        return pictures.window(*_NOTES, "Notes", (70, 84, 104), lines)

    def _draw_visitor(self) -> Pixels:
        colour = _COLOURS[self.clicks % len(_COLOURS)]
        lines = ["Click me.", f"Clicks: {self.clicks}"]
        return pictures.window(*_VISITOR, "Visitor", colour, lines)

    def _draw_lock(self) -> Pixels:
        pixels = pictures.blank(WIDTH, HEIGHT, _LOCKED)
        user = next(iter(self.users), "nobody")
        lines = (f"{self.name} is locked.", f"Password of {user}: {'*' * len(self._secret)}_")
        for index, line in enumerate(lines):
            place = (380, 290 + 26 * index)
            pictures.put_text(pixels, place, line, (235, 240, 245), _LOCKED)
        return pixels

    # what people do

    def _click(self, x: int, y: int) -> None:
        if self._visitor.holds(x, y):
            self.clicks += 1
            self._scene.change(self._visitor, pixels=self._draw_visitor())
            return
        mark = Layer(x - 3, y - 3, pictures.mark())
        self._marks.append(mark)
        self._scene.layers.insert(2, mark)
        self._scene.change(mark)
        if _MAX_MARKS < len(self._marks):
            oldest = self._marks.pop(0)
            self._scene.layers.remove(oldest)
            self._scene.change(oldest)

    def _type_note(self, typed: str) -> None:
        line = self.notes[-1]
        if typed == ENTER or len(line) == _NOTES_COLUMNS:
            self.notes = [*self.notes, ""][-_NOTES_LINES:]
        if typed == BACKSPACE:
            if line or 1 < len(self.notes):
                self.notes = [*self.notes[:-1], line[:-1]] if line else self.notes[:-1]
        elif len(typed) == 1 and typed.isprintable():
            self.notes[-1] += typed
        self._scene.change(self._notes, pixels=self._draw_notes())

    def _lock(self) -> None:
        self.locked, self._secret = True, ""
        self._scene.change(self._lock_screen, pixels=self._draw_lock(), hidden=False)

    def _type_secret(self, typed: str) -> None:
        if typed == ENTER:
            expected = next(iter(self.users.values()), "")
            self.locked = not hmac.compare_digest(self._secret.encode(), expected.encode())
            self._secret = ""
        elif typed == BACKSPACE:
            self._secret = self._secret[:-1]
        elif len(typed) == 1 and typed.isprintable():
            self._secret = (self._secret + typed)[:64]
        self._scene.change(self._lock_screen, pixels=self._draw_lock(), hidden=not self.locked)


def _bounce(seconds: float) -> tuple[int, int]:
    """Where the visitor is at that time: to and fro, below the notes."""
    return (
        460 + _to_and_fro(seconds * 70, WIDTH - 480 - _VISITOR[0]),
        300 + _to_and_fro(seconds * 45, HEIGHT - 310 - _VISITOR[1]),
    )


def _to_and_fro(way: float, span: int) -> int:
    way %= 2 * span
    return int(way if way < span else 2 * span - way)
