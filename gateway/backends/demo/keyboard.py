"""From keysyms to what a terminal receives."""

from __future__ import annotations

from typing import Final

SECURE_ATTENTION: Final = "Ctrl+Alt+Del"
UP: Final = "Up"
DOWN: Final = "Down"
ENTER: Final = "\r"
BACKSPACE: Final = "\x7f"
INTERRUPT: Final = "\x03"
END_OF_INPUT: Final = "\x04"
CLEAR_SCREEN: Final = "\x0c"
KILL_LINE: Final = "\x15"

# X11/keysymdef.h
_CONTROL: Final = frozenset({0xFFE3, 0xFFE4})
_ALT: Final = frozenset({0xFFE9, 0xFFEA, 0xFE03})
_DELETE: Final = frozenset({0xFFFF, 0xFF9F})
_NAMED: Final = {
    0xFF08: BACKSPACE, 0xFF09: "\t", 0xFF0D: ENTER, 0xFF8D: ENTER, 0xFF1B: "\x1b",
    0xFF52: UP, 0xFF97: UP, 0xFF54: DOWN, 0xFF99: DOWN, 0xFF80: " ",
    0xFFAA: "*", 0xFFAB: "+", 0xFFAC: ",", 0xFFAD: "-", 0xFFAE: ".", 0xFFAF: "/", 0xFFBD: "=",
    **{0xFFB0 + digit: str(digit) for digit in range(10)},
}  # fmt: skip


class Keyboard:
    """Knows which modifiers are down."""

    def __init__(self) -> None:
        self._held: set[int] = set()

    def press(self, keysym: int, *, down: bool) -> str | None:
        """What the event types: one letter or control code, a name (`UP`), or nothing."""
        if keysym in _CONTROL | _ALT:
            (self._held.add if down else self._held.discard)(keysym)
            return None
        if not down:
            return None
        control, alt = bool(self._held & _CONTROL), bool(self._held & _ALT)
        if keysym in _DELETE:
            return SECURE_ATTENTION if control and alt else None
        letter = _NAMED.get(keysym) or _letter(keysym)
        if control and letter is not None:
            # ASCII: a control code is its letter's lower five bits.
            is_letter = len(letter) == 1 and letter.isascii() and letter.isalpha()
            return chr(ord(letter) & 0x1F) if is_letter else None
        return letter


def _letter(keysym: int) -> str | None:
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    # Unicode keysyms: 0x01000000 and the code point; 0x01110000 lies beyond the last.
    return chr(keysym & 0xFFFFFF) if 0x0100_00A0 <= keysym < 0x0111_0000 else None
