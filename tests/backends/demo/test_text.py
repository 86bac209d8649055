"""The demo's terminal and how it is painted."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.backends.demo import fonts
from gateway.backends.demo.keyboard import (
    BACKSPACE,
    ENTER,
    INTERRUPT,
    SECURE_ATTENTION,
    UP,
    Keyboard,
)
from gateway.backends.demo.terminal import COLUMNS, ROWS, Ink, Terminal
from gateway.backends.demo.text_screen import TextScreen
from gateway.rfb.framebuffer import Framebuffer
from gateway.rfb.operations import Copy, Write
from gateway.rfb.wire import Rect

WRITINGS = st.lists(
    st.tuples(st.text("ab~é\n\n\n\b\f ", max_size=120), st.sampled_from(list(Ink))), max_size=12
)


def screen() -> tuple[Framebuffer, TextScreen]:
    framebuffer = Framebuffer(1, 1)
    return framebuffer, TextScreen(framebuffer, fonts.small())


def test_letters_fill_the_screen_in_both_sizes() -> None:
    framebuffer = Framebuffer(1, 1)
    assert TextScreen(framebuffer, fonts.small()).size == (640, 400)
    assert TextScreen(framebuffer, fonts.large()).size == (800, 500)
    assert (framebuffer.width, framebuffer.height) == (800, 500)


def test_a_font_has_a_different_glyph_for_each_letter() -> None:
    for font in (fonts.small(), fonts.large()):
        seen = {font.glyphs[code].tobytes() for code in range(0x21, 0x7F)}
        assert len(seen) == 0x7F - 0x21
        assert not font.glyphs[ord(" ")].any()


def test_a_terminal_writes_wraps_and_scrolls() -> None:
    terminal = Terminal()
    terminal.write("x" * COLUMNS + "y\b\bz\n")
    # One \b goes back to y's place, the next to the end of the line above.
    assert terminal.text() == "x" * (COLUMNS - 1) + "z\ny"
    terminal.clear()
    terminal.write("\n".join(map(str, range(30))))
    assert terminal.text().split("\n") == [str(n) for n in range(30 - ROWS, 30)]
    assert terminal.scrolled == 30 - ROWS


def test_only_what_changed_is_painted() -> None:
    framebuffer, painter = screen()
    terminal = Terminal()
    painter.refresh(terminal, cursor=False)
    terminal.write("ab")
    assert painter.refresh(terminal, cursor=False) == [Write(Rect(0, 0, 16, 16))]
    assert painter.refresh(terminal, cursor=False) == []
    assert painter.refresh(terminal, cursor=True) == [Write(Rect(16, 0, 8, 16))]
    assert framebuffer.pixels[13:16, 16:24, :3].min() == 170  # the cursor is a bar


def test_a_scroll_is_one_copy_and_one_new_line() -> None:
    _, painter = screen()
    terminal = Terminal()
    terminal.write("\n".join(f"line {n}" for n in range(ROWS)))
    painter.refresh(terminal, cursor=True)
    terminal.write("\nnext")
    copy, *writes = painter.refresh(terminal, cursor=True)
    assert copy == Copy(Rect(0, 0, 640, 384), 0, 16)
    # The old cursor's cell was copied along; the last line is new.
    assert writes == [Write(Rect(56, 368, 8, 16)), Write(Rect(0, 384, 640, 16))]


@settings(deadline=None)  # the machine that runs this may be busy
@given(WRITINGS)
def test_painting_the_difference_equals_painting_everything(
    writings: list[tuple[str, Ink]],
) -> None:
    framebuffer, painter = screen()
    mirror = Framebuffer(640, 400)
    terminal = Terminal()
    for text, ink in writings:
        terminal.write(text, ink)
        for operation in painter.refresh(terminal, cursor=True):
            if isinstance(operation, Copy):
                mirror.copy(operation.rect, operation.source_x, operation.source_y)
            else:
                mirror.view(operation.rect)[:] = framebuffer.view(operation.rect)
    fresh, other = screen()
    other.refresh(terminal, cursor=True)
    painter.refresh(terminal, cursor=True)
    assert np.array_equal(framebuffer.pixels, fresh.pixels)
    if writings:
        # What the operations say is all that happened.
        assert np.array_equal(mirror.pixels, framebuffer.pixels)


def test_keysyms_become_what_a_terminal_receives() -> None:
    keyboard = Keyboard()
    assert keyboard.press(ord("A"), down=True) == "A"
    assert keyboard.press(ord("A"), down=False) is None
    assert keyboard.press(0xFF0D, down=True) == ENTER
    assert keyboard.press(0xFF08, down=True) == BACKSPACE
    assert keyboard.press(0xFF52, down=True) == UP
    assert keyboard.press(0xFFB7, down=True) == "7"  # KP_7
    assert keyboard.press(0x0100_00E9, down=True) == "é"
    assert keyboard.press(0xFFBE, down=True) is None  # F1


def test_modifiers_count_while_they_are_down() -> None:
    keyboard = Keyboard()
    keyboard.press(0xFFE3, down=True)
    assert keyboard.press(ord("c"), down=True) == INTERRUPT
    assert keyboard.press(0xFFFF, down=True) is None
    keyboard.press(0xFFE9, down=True)
    assert keyboard.press(0xFFFF, down=True) == SECURE_ATTENTION
    keyboard.press(0xFFE3, down=False)
    keyboard.press(0xFFE9, down=False)
    assert keyboard.press(ord("c"), down=True) == "c"


@given(st.integers(0, 2**32 - 1) | st.integers(0xFF00, 0xFFFF), st.booleans())
def test_no_keysym_surprises_the_keyboard(keysym: int, control: bool) -> None:
    keyboard = Keyboard()
    if control:
        keyboard.press(0xFFE3, down=True)
    typed = keyboard.press(keysym, down=True)
    assert typed is None or isinstance(typed, str)
